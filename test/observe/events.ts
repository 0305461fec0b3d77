import type { Description } from "../../src/core/description.ts";
import type { ArchiverEvent } from "../../src/observe/events.ts";

/** A batch of 12 offsets, 10 of them records. */
export const description = (topic = "logs"): Description => ({
  version: 1,
  archiveId: "a",
  clusterId: "c",
  topic,
  topicId: "_",
  partition: 3,
  branch: 0,
  start: 9_007_199_254_740_993n,
  end: 9_007_199_254_741_005n,
  batchId: "x",
  revision: 0,
  leaderEpoch: 1,
  records: 10n,
  aborted: 1n,
  control: 1n,
  compacted: 0n,
  filtered: 0n,
  deadLettered: 0n,
  holes: [],
  minTimestamp: 1n,
  maxTimestamp: 2n,
  format: "segment",
  content: { algorithm: "blake3", digest: "00" },
  seal: {
    path: "data/x",
    size: 2048,
    digest: "00",
    digestAlgorithm: "blake3",
    codec: "zstd",
    contentSize: 4096,
    encryption: "none",
    recipients: [],
  },
});

const scope = { topic: "logs", topicId: "_", partition: 3, branch: 0 };

/** One of every kind. */
export const EVENTS: readonly ArchiverEvent[] = [
  { what: "daemon-started", clusterId: "c", archiveId: "a", pipelines: [], sinks: [] },
  { what: "daemon-stopping", deadlineMs: 10 },
  {
    ...{ what: "pipeline-failed", pipeline: "p", group: "g", retryMs: 30_000 },
    ...{ code: "archive-foreign", text: "of another cluster" },
  },
  { what: "config-reloaded", changed: ["log.level"] },
  { what: "reload-refused", code: "config-invalid", text: "group cannot change" },
  { what: "batch-sealed", batch: description(), rawBytes: 5000, ms: 12, reason: "bytes" },
  { what: "batch-confirmed", batch: description(), ms: 40 },
  { what: "fetched", topic: "logs", bytes: 4_096 },
  { what: "batch-adopted", scope, start: 1n, end: 2n },
  { what: "batch-revised", scope, start: 1n, revision: 1 },
  { what: "committed", scope, offset: 12n, why: "offset" },
  { what: "step-retried", scope, step: "publish", error: "no route" },
  { what: "metadata-ignored", scope, reason: "empty" },
  { what: "partition-stopped", scope, code: "sink-conflict", text: "other bytes" },
  { what: "partition-ended", scope },
  { what: "partitions-assigned", group: "g", generation: 2, partitions: 4, added: 1 },
  { what: "membership-lost", group: "g", reason: "UNKNOWN_MEMBER_ID" },
  { what: "sink-called", sink: "files", op: "publish", outcome: "created", ms: 3, bytes: 2048 },
  { what: "sink-state", sink: "files", state: "retrying", code: "sink-transient", text: "503" },
  { what: "sink-called", sink: "lake", op: "stat", outcome: "sink-transient", ms: 9, bytes: 0 },
  { what: "sink-detached", scope, sink: "lake", offset: 12n },
  { what: "sink-filled", scope, sink: "lake", start: 1n, end: 12n },
  { what: "sink-attached", scope, sink: "lake" },
  { what: "fetch-failed", broker: 1, code: "kafka-unreachable", text: "refused" },
  { what: "warned", code: "another-group", text: "claimed by b" },
];
