import type { Description } from "../core/description.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";

/**
 * Everything the daemon says about itself. Whoever does something emits what it was; log lines and
 * metrics derive from it here and nowhere else, so that the two never disagree.
 */
export type ArchiverEvent = Said & Origin;

interface Origin {
  /** Of which pipeline; what the process or a sink says has none. */
  readonly pipeline?: string;
}

type Said =
  | DaemonStarted
  | DaemonStopping
  | PipelineFailed
  | ConfigReloaded
  | ReloadRefused
  | Fetched
  | BatchSealed
  | BatchConfirmed
  | BatchAdopted
  | BatchRevised
  | SinkDetached
  | SinkFilled
  | SinkAttached
  | Committed
  | StepRetried
  | MetadataIgnored
  | PartitionStopped
  | PartitionEnded
  | PartitionsAssigned
  | MembershipLost
  | SinkCalled
  | SinkStateChanged
  | FetchFailed
  | Warned;

export interface DaemonStarted {
  readonly what: "daemon-started";
  readonly clusterId: string;
  readonly archiveId: string;
  readonly pipelines: readonly { readonly name: string; readonly group: string }[];
  readonly sinks: readonly {
    readonly name: string;
    readonly kind: string;
    readonly primary: boolean;
  }[];
}

/** A signal came: batches under way are delivered, no new ones are begun. */
export interface DaemonStopping {
  readonly what: "daemon-stopping";
  readonly deadlineMs: number;
}

/** One of several pipelines cannot go on; the others do, and it is begun again after a while. */
export interface PipelineFailed {
  readonly what: "pipeline-failed";
  readonly pipeline: string;
  readonly group: string;
  readonly code: ErrorCode;
  readonly text: string;
  readonly retryMs: number;
}

/** What changed in the configuration file holds from now on. */
export interface ConfigReloaded {
  readonly what: "config-reloaded";
  /** Keys; empty when nothing changed. */
  readonly changed: readonly string[];
}

/** The configuration file was read again, and nothing of it was taken. */
export interface ReloadRefused {
  readonly what: "reload-refused";
  readonly code: ErrorCode;
  readonly text: string;
}

/** What one answer held for one partition: what is dropped and fetched again counts each time. */
export interface Fetched {
  readonly what: "fetched";
  readonly topic: string;
  readonly bytes: number;
}

export interface BatchSealed {
  readonly what: "batch-sealed";
  readonly batch: Description;
  /** As they came from Kafka. */
  readonly rawBytes: number;
  readonly ms: number;
  /** Which rule cut it. */
  readonly reason: string;
}

/** Data and manifest are in every sink, and equal. */
export interface BatchConfirmed {
  readonly what: "batch-confirmed";
  readonly batch: Description;
  /** From the first put to the last confirmation. */
  readonly ms: number;
}

/** A sink already held the batch, whole or in progress. */
export interface BatchAdopted {
  readonly what: "batch-adopted";
  readonly scope: Scope;
  readonly start: bigint;
  readonly end: bigint;
}

/** The sink was away for too long: the others go on, and it may lack batches from the offset on. */
export interface SinkDetached {
  readonly what: "sink-detached";
  readonly scope: Scope;
  readonly sink: string;
  readonly offset: bigint;
}

/** A batch was copied into a sink that is behind. */
export interface SinkFilled {
  readonly what: "sink-filled";
  readonly scope: Scope;
  readonly sink: string;
  readonly start: bigint;
  readonly end: bigint;
}

/** The sink has everything again and is waited for. */
export interface SinkAttached {
  readonly what: "sink-attached";
  readonly scope: Scope;
  readonly sink: string;
}

/** The content could not be made again as it was planned: another candidate under a new revision. */
export interface BatchRevised {
  readonly what: "batch-revised";
  readonly scope: Scope;
  readonly start: bigint;
  readonly revision: number;
}

export interface Committed {
  readonly what: "committed";
  readonly scope: Scope;
  readonly offset: bigint;
  readonly why: "start" | "plan" | "offset" | "tail" | "again";
}

/** A step of a partition failed for a passing reason and is done again. */
export interface StepRetried {
  readonly what: "step-retried";
  readonly scope: Scope;
  /** Kind of the step: `publish`, `build`, …; never with an offset in it. */
  readonly step: string;
  readonly error: string;
}

/** The committed metadata is not a plan of ours; the sinks decide. */
export interface MetadataIgnored {
  readonly what: "metadata-ignored";
  readonly scope: Scope;
  readonly reason: string;
}

/** An alarm: this partition waits for a person; the others go on. */
export interface PartitionStopped {
  readonly what: "partition-stopped";
  readonly scope: Scope;
  readonly code: ErrorCode;
  readonly text: string;
}

/** The lease is over; another member, or nobody, has the partition now. */
export interface PartitionEnded {
  readonly what: "partition-ended";
  readonly scope: Scope;
}

export interface PartitionsAssigned {
  readonly what: "partitions-assigned";
  readonly group: string;
  readonly generation: number;
  /** In all, and how many of them were not here before. */
  readonly partitions: number;
  readonly added: number;
}

export interface MembershipLost {
  readonly what: "membership-lost";
  readonly group: string;
  readonly reason: string;
}

/** One try of one call of a sink; a stream once, when it ends. */
export interface SinkCalled {
  readonly what: "sink-called";
  readonly sink: string;
  readonly op: string;
  readonly outcome: string;
  readonly ms: number;
  readonly bytes: number;
}

export interface SinkStateChanged {
  readonly what: "sink-state";
  readonly sink: string;
  /** `retrying`: with back-off. `parked`: it refuses the credentials. */
  readonly state: "ok" | "retrying" | "parked";
  readonly code?: ErrorCode;
  readonly text?: string;
}

export interface FetchFailed {
  readonly what: "fetch-failed";
  readonly broker: number;
  readonly code: ErrorCode;
  readonly text: string;
}

/** Something an operator should know that stops nothing. */
export interface Warned {
  readonly what: "warned";
  readonly code: string;
  readonly text: string;
}

export type Emit = (event: ArchiverEvent) => void;
