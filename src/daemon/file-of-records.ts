import { BlockBuffer, BlockPool } from "../batch/block-buffer.ts";
import type { Cut } from "../core/cut.ts";
import type { Description } from "../core/description.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { markOf } from "../pipeline/marks.ts";
import type { TaskPorts } from "../pipeline/ports.ts";
import { encodeRecordBatch } from "../record-batch/writer.ts";
import { likelyRecipes } from "../seal/likely-recipes.ts";

/**
 * Lines follow from the records alone, so the file of such a batch is made from what a sink of records has, whatever
 * became of Kafka's log; its digest says whether it is the same. Not so a `segment`, which is as a broker had it, and
 * not what is or is to be encrypted, for which the salt is gone.
 */
export const fileOfRecords =
  (o: Pick<TaskPorts, "sealer" | "recipe">): TaskPorts["fileOfRecords"] =>
  async (description, records, signal) => {
    const { format, seal, deadLettered } = description;
    const recipe = o.recipe(null, description.revision);
    const encrypts = seal.encryption !== "none" || recipe.encryption !== null;
    if (format !== "ndjson" || encrypts || deadLettered > 0n) return null;
    const cut = await cutOf(description, records, signal);
    for (const likely of likelyRecipes(description, recipe)) {
      const made = await o.sealer.seal(cut, likely, signal);
      if (made.description.seal.digest === seal.digest) return { description, bytes: made.bytes };
      if (markOf(made.description.content) !== markOf(description.content)) return null;
    }
    return null;
  };

/** As if they had just been fetched. Beside the partition's own stream, with memory of its own. */
async function cutOf(
  d: Description,
  records: AsyncIterable<readonly ArchivedRecord[]>,
  signal: AbortSignal,
): Promise<Cut> {
  const buffer = new BlockBuffer(new BlockPool(0));
  for await (const some of records) {
    signal.throwIfAborted();
    for (const run of runs(some)) buffer.append(recordBatchOf(run));
  }
  const { topic, topicId, partition, branch, start, end, leaderEpoch } = d;
  const { aborted, control, compacted, filtered: skipped, holes } = d;
  const { minTimestamp, maxTimestamp } = d;
  return {
    ...{ topic, topicId, partition, branch, start, end, leaderEpoch, records: d.records },
    ...{ aborted, control, compacted, skipped, holes, sparse: true, uncompressed: true },
    ...{ firstTimestamp: minTimestamp, minTimestamp, maxTimestamp, payload: buffer.payload() },
    ...{ reservedBytes: 0, reason: "plan", release: () => undefined },
  };
}

/** One record batch has one type of timestamp, and with `LogAppendTime` one timestamp. */
function runs(records: readonly ArchivedRecord[]): ArchivedRecord[][] {
  const out: ArchivedRecord[][] = [];
  for (const r of records) {
    const [run] = out.slice(-1);
    const before = run?.at(-1);
    const fits =
      before?.timestampType === r.timestampType &&
      (r.timestampType === "CreateTime" || before.timestamp === r.timestamp);
    if (fits) run?.push(r);
    else out.push([r]);
  }
  return out;
}

function recordBatchOf(run: readonly ArchivedRecord[]): Buffer {
  const [first] = run;
  if (first === undefined) return Buffer.alloc(0);
  const { offset: baseOffset, timestampType } = first;
  return encodeRecordBatch({ baseOffset, records: run, timestampType });
}
