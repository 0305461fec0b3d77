import { randomBytes } from "node:crypto";
import type { Description } from "../../src/core/description.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { dataPath } from "../../src/core/layout.ts";
import { batchId } from "../../src/core/scope.ts";
import type { Finding } from "../../src/sdk/sink.ts";
import type { Checked } from "./cassandra-check.ts";
import { removeBatch } from "./set-aside.ts";

const PROBE_BYTES = 64 << 10;
/** Nothing lists what a probe that was killed has left: Cassandra drops it. */
const PROBE_TTL_S = 3_600;

/**
 * Puts a batch of a topic that Kafka cannot have, as archiving does, sees that it cannot be put
 * again, and removes it. No folder leads to it, so no listing shows it.
 */
export async function probe(
  { tables, rows, chunks }: Checked,
  name: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const say = (level: Finding["level"], code: string, text: string): void => {
    found.push({ level, code, text });
  };
  const [bytes, others] = [randomBytes(PROBE_BYTES), randomBytes(PROBE_BYTES)];
  const [first, second] = [probeOf(name, bytes), probeOf(name, others)];
  const stored = { tables, rows };
  await chunks.put(first, bytes, signal, PROBE_TTL_S);
  const row = await rows.create(first, signal, PROBE_TTL_S);
  try {
    if (!row.ours) say("error", "probe-not-created", `${name}: a new row was answered as existing`);
    for (const again of [second, first]) {
      const there = await rows.create(again, signal, PROBE_TTL_S);
      if (there.ours || there.putId !== row.putId) {
        say("error", "not-create-only", `${name}: a row that was there was written again`);
      }
    }
    if ((await chunks.problem(first, "bytes", signal)) !== undefined) {
      say("error", "probe-differs", `${name} does not read back as it was written`);
    }
  } finally {
    await removeBatch(stored, first, row.putId, signal);
  }
  if ((await rows.read(first, "serial", signal)) !== undefined) {
    say("warning", "probe-left", `the row of ${name} stays behind after it was removed`);
  }
  if (found.length === 0) say("ok", "write-probe", "written, read back, not replaced, removed");
  return found;
}

function probeOf(name: string, bytes: Uint8Array): Description {
  const key = { topic: `tmp/check-${name}`, topicId: "_", partition: 0, branch: 0, start: 0n };
  const digest = blake3Hex(bytes);
  const size = bytes.length;
  return {
    version: 1,
    archiveId: "check",
    clusterId: "check",
    ...key,
    end: 1n,
    batchId: batchId(key),
    revision: 0,
    leaderEpoch: 0,
    ...{ records: 1n, aborted: 0n, control: 0n, compacted: 0n, filtered: 0n, deadLettered: 0n },
    holes: [],
    minTimestamp: null,
    maxTimestamp: null,
    format: "segment",
    content: { algorithm: "blake3", digest },
    seal: {
      path: dataPath(key, { format: "segment", codec: "none", encrypted: false }),
      size,
      digest,
      digestAlgorithm: "blake3",
      codec: "none",
      contentSize: size,
      encryption: "none",
      recipients: [],
    },
  };
}
