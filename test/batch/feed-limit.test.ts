import { expect, test } from "vitest";
import type { BuildRequest } from "../../src/batch/build-job.ts";
import type { Feed } from "../../src/batch/feed.ts";
import { loneFeed } from "../../src/batch/lone-feed.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { record } from "../seal/vectors/cuts.ts";

/** Batches that begin below what was committed once, in a log whose record batches do not end there. */
const scope = { topic: "logs", topicId: "id", partition: 0, branch: 0 };
const clock = { now: () => 0, wall: () => 0, sleep: () => Promise.reject(new Error("unused")) };
const never = new AbortController().signal;

const recordBatch = (from: number, to: number): Buffer =>
  encodeRecordBatch({
    baseOffset: BigInt(from),
    records: Array.from({ length: to - from }, (_, i) => record(from + i)),
  });

const feed = (): Feed => loneFeed(scope, 1 << 20, clock);

/** Offers the log [2, 5), [5, 8), [8, 15) from wherever it is asked for; ends when nothing is asked for any more. */
async function cutOf(request: Pick<BuildRequest, "exactEnd" | "limit">) {
  const log = [recordBatch(2, 5), recordBatch(5, 8), recordBatch(8, 15)];
  const lone = feed();
  const built = lone.build({ start: 2n, epoch: -1, ...request }, never);
  for (let asked = 0; lone.want() !== null; asked += 1) {
    if (asked > 10) throw new Error("it asks for the same again and again");
    const offset = lone.want()?.offset ?? 0n;
    const records = Buffer.concat(log.filter((_, i) => offset < [5n, 8n, 15n][i]!));
    lone.offer({ offset, records, aborted: [], lastStableOffset: 15n });
  }
  const cut = await built;
  cut.release();
  return [cut.end, cut.reason];
}

test("what comes next would cross the limit: the batch ends before it, whatever its age", async () => {
  expect(await cutOf({ exactEnd: null, limit: 6n })).toEqual([5n, "limit"]);
  expect(await cutOf({ exactEnd: null, limit: 8n })).toEqual([8n, "limit"]);
});

test("what was planned beyond the limit is made as it was planned", async () => {
  expect(await cutOf({ exactEnd: 15n, limit: 6n })).toEqual([15n, "plan"]);
  expect(await cutOf({ exactEnd: 15n, limit: 8n })).toEqual([15n, "plan"]);
});
