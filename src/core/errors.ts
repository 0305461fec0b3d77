/**
 * Every error the product raises has a stable code from this table. `class` decides what the caller
 * does (retry, stop the partition, tell the operator); `next` is the operator's next step.
 * `docs/errors.md` is generated from it; a test fails when the two differ.
 */
export type ErrorClass = "transient" | "permanent" | "conflict" | "operator" | "bug";

export interface ErrorEntry {
  readonly class: ErrorClass;
  /** Exit code when the error ends a command (2 usage/config, 3 difference, 4 unreachable, 1 else). */
  readonly exit: 1 | 2 | 3 | 4;
  readonly next: string;
}

const e = (cls: ErrorClass, exit: ErrorEntry["exit"], next: string): ErrorEntry => ({
  class: cls,
  exit,
  next,
});

export const ERRORS = {
  "assertion-failed": e(
    "bug",
    1,
    "Report it with the log; the process stopped before it could write anything wrong.",
  ),
  "config-invalid": e(
    "operator",
    2,
    "Correct what the message names in the configuration file, or name another with --config.",
  ),
  usage: e("operator", 2, "See --help."),
  "nothing-in-scope": e(
    "operator",
    2,
    "Check the topic, partition and range; `list` shows what the sink holds.",
  ),
  "data-expired": e(
    "operator",
    2,
    "Its retention, or `prune`, took the data and left the manifests: go on with --from behind it, or name a --sink that keeps it longer.",
  ),
  "identity-needed": e(
    "operator",
    2,
    "Pass --identity FILE with the age identity of one of the recipients named.",
  ),
  "port-busy": e(
    "operator",
    2,
    "Choose another http.listen or stop the process that holds the port.",
  ),
  "topic-missing": e("operator", 2, "Create the topic or correct `topics` in the configuration."),
  "kafka-auth": e("operator", 2, "Check kafka.sasl and kafka.ssl and the ACLs of this user."),
  "kafka-unreachable": e(
    "transient",
    4,
    "Check the brokers and the network; the daemon goes on by itself, a command is run again.",
  ),
  "kafka-refused": e(
    "transient",
    1,
    "Kafka answered an error; its text is in the message. The daemon retries by itself.",
  ),
  fenced: e("transient", 1, "Nothing to do: another member owns the partition now."),
  "offset-out-of-range": e(
    "operator",
    1,
    "The position is no longer in Kafka. Nothing was reset: decide with `skip`, or restore the topic.",
  ),
  "topic-recreated": e(
    "operator",
    1,
    "The topic has a new id. Its records go to a new name space after a restart of the partition.",
  ),
  "log-changed": e(
    "conflict",
    1,
    "The topic's log differs from what was archived, and its leader epochs do not say where a new branch could begin (a rebuilt topic, an offset set by hand). Run `verify --against-kafka`.",
  ),
  "corrupt-record-batch": e(
    "operator",
    1,
    "Compare the replicas of the partition; `skip` passes over the named offsets, loudly.",
  ),
  "message-format-old": e(
    "operator",
    1,
    "The topic holds messages from before Kafka 0.11, which are not archived: have the broker rewrite them, or leave the topic out.",
  ),
  "undecodable-record-batch": e(
    "permanent",
    1,
    "The bytes were kept in the dead-letter place; inspect them there.",
  ),
  "plan-invalid": e(
    "permanent",
    1,
    "The committed metadata is not a plan of this product; it is ignored, the sinks decide.",
  ),
  "archive-emptied": e(
    "operator",
    2,
    "Is the file system mounted, the bucket the right one? To begin anew on purpose, reset the group's offset or name another group.",
  ),
  "archive-foreign": e(
    "operator",
    2,
    "The sink belongs to another archive, cluster or primary; use another prefix.",
  ),
  "manifest-invalid": e("conflict", 3, "Run `verify --deep` on the sink; nothing was changed."),
  "sink-conflict": e(
    "conflict",
    3,
    "Two sinks hold different bytes for one batch. Run `verify --across-sinks`, then `reconcile`.",
  ),
  "primary-invalid": e(
    "conflict",
    3,
    "The primary holds an invalid object under a batch's name. Run `verify --deep`.",
  ),
  "sink-transient": e(
    "transient",
    4,
    "Look at the store and the way to it; the daemon goes on by itself, a command is run again.",
  ),
  "sink-unauthorized": e(
    "operator",
    4,
    "The sink refuses the credentials; it is parked and nothing is lost.",
  ),
  "sink-permanent": e("permanent", 1, "The sink refused for good; the message says what."),
  "sealed-invalid": e(
    "conflict",
    3,
    "The file is damaged or was altered; `verify --deep` lists every such file.",
  ),
  "format-invalid": e(
    "conflict",
    3,
    "The file does not follow docs/format.md; it is damaged or was altered.",
  ),
  "key-invalid": e("operator", 2, "Check the recipients, the identity file and the seed file."),
  "verification-failed": e(
    "conflict",
    3,
    "Read the problems listed; `reconcile` mends what another sink holds.",
  ),
  "operator-busy": e(
    "operator",
    4,
    "Another operator command is at work in this group: wait for its end. One that was killed is forgotten after some seconds.",
  ),
  "pause-unanswered": e(
    "operator",
    4,
    "The daemon that owns the partition did not pause it: `status` shows it. Stop the daemons of the group, or run the command again.",
  ),
  interrupted: e("transient", 1, "Run the command again; it continues where it stopped."),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The one error class: `code` is stable, the message names what, where and what was seen. */
export class ArchiverError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "ArchiverError";
    this.code = code;
  }
  get class(): ErrorClass {
    return ERRORS[this.code].class;
  }
  get next(): string {
    return ERRORS[this.code].next;
  }
}

/** True when the operation may simply be tried again, perhaps after a pause. */
export const isTransient = (error: unknown): boolean =>
  error instanceof ArchiverError && error.class === "transient" && error.code !== "fenced";

/**
 * True for what a running daemon waits out: besides what passes by itself, Kafka refusing the user.
 * Credentials are rotated and rights given back without anybody starting the daemon anew.
 */
export const isWaitedFor = (error: unknown): boolean =>
  isTransient(error) || (error instanceof ArchiverError && error.code === "kafka-auth");
