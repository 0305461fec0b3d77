import type { Description } from "../../src/core/description.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { dataPath } from "../../src/core/layout.ts";
import { batchId, type BatchKey } from "../../src/core/scope.ts";

export const KEY: BatchKey = {
  topic: "logs.app-1",
  topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
  partition: 3,
  branch: 0,
  start: 100n,
};

/** A consistent description of ten offsets, two of them holes; `over` replaces fields. */
export function sample(over: Partial<Description> = {}): Description {
  const key = { ...KEY, ...over };
  const kind = { format: "segment", codec: "zstd", encrypted: false } as const;
  return {
    version: 1,
    archiveId: "3f1c2a",
    clusterId: "MkU3OEVBNTcwNTJENDM2Qk",
    topic: key.topic,
    topicId: key.topicId,
    partition: key.partition,
    branch: key.branch,
    start: key.start,
    end: key.start + 10n,
    batchId: batchId(key),
    revision: 0,
    leaderEpoch: 7,
    records: 8n,
    aborted: 1n,
    control: 1n,
    compacted: 0n,
    filtered: 0n,
    deadLettered: 0n,
    holes: [
      { from: key.start + 2n, to: key.start + 3n, reason: "aborted" },
      { from: key.start + 9n, to: key.start + 10n, reason: "control" },
    ],
    minTimestamp: 1_700_000_000_000n,
    maxTimestamp: 1_700_000_000_900n,
    format: kind.format,
    content: { algorithm: "blake3", digest: blake3Hex(Buffer.from("content")) },
    seal: {
      path: dataPath(key, kind),
      size: 7,
      digest: blake3Hex(Buffer.from("content")),
      digestAlgorithm: "blake3",
      codec: kind.codec,
      contentSize: 7,
      encryption: "none",
      recipients: [],
    },
    ...over,
  };
}
