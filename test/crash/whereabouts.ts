/** Where a crash is tried at the waits of files that no simulated daemon runs. */
interface Whereabouts {
  /** A file, or a folder with all below it; the longest that fits counts. */
  readonly at: string;
  /** A scenario that comes there; null: none. */
  readonly by: string | null;
  /** Why none does, or why not at all of its waits. */
  readonly why?: string;
}

const READS = "it only reads";
const ASKS = "it asks, and says what was answered";
const LOOKS = "it is looked at while a daemon runs, and changes nothing";
const IN_PLACE = "nothing that it does outlives the process";

export const WHEREABOUTS: readonly Whereabouts[] = [
  { at: "sinks/blob", by: "a sink of kind fs" },
  { at: "sinks/blob/blob-documents.ts", by: "prune what has expired" },
  { at: "sinks/fs", by: "a sink of kind fs" },
  { at: "sinks/s3", by: "a sink of kind s3" },
  { at: "sinks/hdfs", by: "a sink of kind hdfs" },
  { at: "sinks/cassandra", by: "a sink of kind cassandra" },
  { at: "sinks/elasticsearch", by: "a sink of kind elasticsearch" },
  { at: "sinks/kafka", by: "a sink of kind kafka" },
  { at: "src/config", by: "import" },
  { at: "src/config/kafka-options.ts", by: null, why: `a token is fetched: ${ASKS}` },
  { at: "src/config/sink-kinds.ts", by: null, why: "a package is loaded" },
  { at: "src/core", by: "rewrap to another recipient" },
  { at: "src/core/leftovers.ts", by: "keygen" },
  { at: "src/core/new-file.ts", by: "keygen" },
  { at: "src/core/new-folder.ts", by: "keygen" },
  { at: "src/daemon.ts", by: "run until it is told to stop" },
  { at: "src/deliver/replaceable.ts", by: "import", why: `new settings: ${IN_PLACE}` },
  { at: "src/kafka/client", by: "import" },
  { at: "src/kafka/client/gathered-send.ts", by: "restore to a topic that is made" },
  { at: "src/kafka/client/oauth.ts", by: null, why: IN_PLACE },
  { at: "src/kafka/target", by: "restore to a topic that is made" },
  { at: "src/main.ts", by: null, why: "it starts a command, and what that is is walked" },
  { at: "src/observe", by: "run until it is told to stop", why: LOOKS },
  { at: "src/observe/http.ts", by: null, why: LOOKS },
  { at: "src/observe/live.ts", by: null, why: LOOKS },
  { at: "src/observe/metrics.ts", by: null, why: LOOKS },
  { at: "src/observe/otlp", by: null, why: LOOKS },
  { at: "src/observe/routes.ts", by: null, why: LOOKS },
  { at: "src/operate/archived-manifests.ts", by: "cat of a range", why: READS },
  { at: "src/operate/archived-range.ts", by: "cat of a range", why: READS },
  { at: "src/operate/cat-lines.ts", by: "cat of a range", why: READS },
  { at: "src/operate/cat.ts", by: "cat of a range", why: READS },
  { at: "src/operate/check-config.ts", by: "check", why: ASKS },
  { at: "src/operate/check-group.ts", by: "check", why: ASKS },
  { at: "src/operate/check-proof.ts", by: null, why: ASKS },
  { at: "src/operate/check-sinks.ts", by: "check", why: ASKS },
  { at: "src/operate/check-topics.ts", by: "check", why: ASKS },
  { at: "src/operate/check.ts", by: "check", why: ASKS },
  { at: "src/operate/choose-scopes.ts", by: "cat of a range", why: READS },
  { at: "src/operate/chunk-output.ts", by: "list", why: READS },
  { at: "src/operate/cli.ts", by: "list" },
  { at: "src/operate/completion.ts", by: null, why: READS },
  { at: "src/operate/daemon-status.ts", by: null, why: ASKS },
  { at: "src/operate/estimate.ts", by: "check", why: ASKS },
  { at: "src/operate/explain.ts", by: null, why: READS },
  { at: "src/operate/export.ts", by: "export, as lines" },
  { at: "src/operate/export", by: "export, as lines" },
  { at: "src/operate/import.ts", by: "import" },
  { at: "src/operate/import", by: "import" },
  { at: "src/operate/index-archive.ts", by: "index with filters of keys" },
  { at: "src/operate/index", by: "index with filters of keys" },
  { at: "src/operate/index/batches-with.ts", by: null, why: READS },
  { at: "src/operate/index/key-filters.ts", by: "verify of everything", why: READS },
  { at: "src/operate/index/look-up.ts", by: null, why: READS },
  {
    at: "src/operate/init-questions.ts",
    by: null,
    why: "it asks on a terminal, before anything is written",
  },
  { at: "src/operate/init.ts", by: "init" },
  { at: "src/operate/kafka-view.ts", by: "pause", why: ASKS },
  { at: "src/operate/kept-batches.ts", by: "cat of a range", why: READS },
  { at: "src/operate/keygen.ts", by: "keygen" },
  { at: "src/operate/list.ts", by: "list", why: READS },
  { at: "src/operate/listed-batches.ts", by: "list", why: READS },
  { at: "src/operate/live-topic-id.ts", by: "export, as lines", why: ASKS },
  { at: "src/operate/open-sinks.ts", by: "reconcile what is missing and what is damaged" },
  { at: "src/operate/orders", by: "pause" },
  { at: "src/operate/output.ts", by: "list", why: READS },
  { at: "src/operate/prune.ts", by: "prune what has expired" },
  { at: "src/operate/prune", by: "prune what has expired" },
  { at: "src/operate/reconcile.ts", by: "reconcile what is missing and what is damaged" },
  { at: "src/operate/reload-signal.ts", by: null, why: IN_PLACE },
  { at: "src/operate/repair", by: "replay with --repair" },
  { at: "src/operate/repair/into.ts", by: "replay into a fresh archive" },
  { at: "src/operate/repair/range-cut.ts", by: "replay what no sink has any more" },
  { at: "src/operate/repair/reconcile-scope.ts", by: "reconcile what was rewrapped" },
  { at: "src/operate/repair/remake.ts", by: "replay what no sink has any more" },
  { at: "src/operate/repair/rewrap-scope.ts", by: "rewrap to another recipient" },
  { at: "src/operate/replay.ts", by: "replay with --repair" },
  { at: "src/operate/restore.ts", by: "restore to a topic that is made" },
  { at: "src/operate/restore", by: "restore to a topic that is made" },
  {
    at: "src/operate/restore/outgoing-worker.ts",
    by: null,
    why: `a thread that computes: ${IN_PLACE}`,
  },
  {
    at: "src/operate/restore/outgoing-records.ts",
    by: null,
    why: `in a thread that computes: ${IN_PLACE}`,
  },
  { at: "src/operate/rewrap.ts", by: "rewrap to another recipient" },
  { at: "src/operate/run.ts", by: "run until it is told to stop" },
  { at: "src/operate/seek", by: null, why: READS },
  { at: "src/operate/service-notifier.ts", by: "run until it is told to stop", why: IN_PLACE },
  { at: "src/operate/status-outside.ts", by: "status without a daemon", why: ASKS },
  { at: "src/operate/status.ts", by: "status without a daemon", why: ASKS },
  { at: "src/operate/stored-form.ts", by: null, why: READS },
  { at: "src/operate/verify.ts", by: "verify of everything", why: READS },
  { at: "src/operate/verify", by: "verify of everything", why: READS },
  { at: "src/operate/verify/tell-proof.ts", by: "verify, told" },
  { at: "src/record-batch", by: null, why: READS },
  { at: "src/seal", by: "rewrap to another recipient" },
  { at: "src/seal/keygen.ts", by: "keygen" },
  { at: "src/seal/pool.ts", by: "import" },
];

/** What is said of a file; undefined: nobody has thought of it. */
export function whereaboutsOf(file: string): Whereabouts | undefined {
  const fits = WHEREABOUTS.filter(({ at }) => file === at || file.startsWith(`${at}/`));
  return fits.toSorted((a, b) => b.at.length - a.at.length)[0];
}
