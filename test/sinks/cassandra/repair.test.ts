import { afterAll, beforeAll, expect, test } from "vitest";
import {
  IDENTITY,
  madeBatch,
  madeManifest,
  scopeOf,
} from "../../../src/sdk/conformance-batches.ts";
import { all, never } from "../../../src/sdk/conformance-case.ts";
import type { SealedBatch, Sink } from "../../../src/sdk/sink.ts";
import { type CassandraPlace, newPlace } from "./place.ts";
import { sharedCassandra } from "./server.ts";

const MIB = 1 << 20;
const CHUNK_KEY =
  "topic = ? AND topic_id = ? AND partition = ? AND branch = ? AND start = ? AND digest = ? AND part = ?";

let stop: () => Promise<void>;
let place: CassandraPlace;
let sink: Sink;

beforeAll(async () => {
  const server = await sharedCassandra();
  stop = () => server.stop();
  place = await newPlace(server.address);
  sink = await place.open();
  await sink.claim(IDENTITY, never);
}, 300_000);
afterAll(async () => {
  await sink.close();
  await place.dispose();
  await stop();
});

const partOf = ({ description: d }: SealedBatch, part: number): unknown[] => [
  ...[d.topic, d.topicId, d.partition, d.branch, d.start, d.seal.digest, part],
];

async function archived(partition: number, size = 3 * MIB + 17): Promise<SealedBatch> {
  const batch = madeBatch({ partition, start: 0n, size });
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  await sink.describe(madeManifest(batch.description), never);
  return batch;
}

async function readsBack(batch: SealedBatch): Promise<void> {
  expect((await sink.stat(batch.description, "bytes", never)).is).toBe("whole");
  const read = Buffer.concat(await all(sink.read(batch.description, { from: 0 }, never)));
  expect(read.equals(batch.bytes)).toBe(true);
}

async function gone(batch: SealedBatch, reason: RegExp): Promise<void> {
  const other = await place.open();
  for (const evidence of ["cheap", "bytes"] as const) {
    const state = await other.stat(batch.description, evidence, never);
    expect(state).toMatchObject({ is: "damaged", reason: expect.stringMatching(reason) });
  }
  await expect(all(other.read(batch.description, { from: 0 }, never))).rejects.toMatchObject({
    code: "sealed-invalid",
    message: expect.stringMatching(/chunk \d+ of data.* is gone/),
  });
  await other.close();
}

test("a chunk that was deleted is found, and is back after the same batch is put again", async () => {
  const batch = await archived(0);
  const where = `${CHUNK_KEY} AND chunk = 3`;
  await place.cql.execute(`DELETE FROM ${place.keyspace}.chunks WHERE ${where}`, partOf(batch, 0));
  await gone(batch, /chunk 3 of data.* is gone/);
  expect(await sink.publish(batch, never)).toEqual({ outcome: "equal" });
  await readsBack(batch);
});

test("all chunks deleted by a clock that is ahead: what is put again has a later timestamp", async () => {
  const batch = await archived(1);
  const aheadUs = BigInt(Date.now() + 20 * 60_000) * 1000n;
  await place.cql.execute(
    `DELETE FROM ${place.keyspace}.chunks USING TIMESTAMP ? WHERE ${CHUNK_KEY}`,
    [aheadUs, ...partOf(batch, 0)],
  );
  await gone(batch, /chunk 0 of data.* is gone/);
  expect(await sink.publish(batch, never)).toEqual({ outcome: "equal" });
  await readsBack(batch);
  // And it can be removed and put again in spite of those timestamps.
  const state = await sink.stat(batch.description, "cheap", never);
  await sink.remove?.(batch.description, "tag" in state ? state.tag : "", never);
  expect(await chunksOf(batch)).toBe(0);
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
});

test("a deletion beyond every clock is an error that says so, and nothing is published", async () => {
  const batch = madeBatch({ partition: 2, start: 0n, size: 1000 });
  const aheadUs = BigInt(Date.now() + 3 * 86_400_000) * 1000n;
  await place.cql.execute(
    `DELETE FROM ${place.keyspace}.chunks USING TIMESTAMP ? WHERE ${CHUNK_KEY}`,
    [aheadUs, ...partOf(batch, 0)],
  );
  await expect(sink.publish(batch, never)).rejects.toMatchObject({
    code: "sink-transient",
    message: expect.stringMatching(/hidden by a deletion/),
  });
  expect(await sink.stat(batch.description, "cheap", never)).toEqual({ is: "absent" });
});

test("a changed byte is not replaced by publish; set aside, its evidence stays and the batch is back", async () => {
  const batch = await archived(3);
  await place.damage(batch);
  const answer = await sink.publish(batch, never);
  expect(answer).toMatchObject({ outcome: "different", state: { is: "damaged" } });
  const state = await sink.stat(batch.description, "bytes", never);
  expect(state.is).toBe("damaged");
  await sink.setAside?.(batch.description, "tag" in state ? state.tag : "", never);
  expect(await sink.stat(batch.description, "bytes", never)).toEqual({ is: "absent" });
  await archived(3);
  await readsBack(batch);
  const aside = await place.cql.execute(
    `SELECT put_id, manifest, digest FROM ${place.keyspace}.quarantine WHERE topic = ? AND topic_id = ? AND partition = ? AND branch = ? AND bucket = 0`,
    partOf(batch, 0).slice(0, 4),
  );
  expect(aside.rows).toHaveLength(1);
  const chunks = await place.cql.execute(
    `SELECT data FROM ${place.keyspace}.quarantined_chunks WHERE put_id = ? AND part = 0`,
    [aside.first()["put_id"]],
  );
  const kept = Buffer.concat(chunks.rows.map((row) => row["data"] as Buffer));
  const flipped = Buffer.from(batch.bytes);
  flipped[0] = (flipped[0] ?? 0) ^ 1;
  expect(kept.equals(flipped)).toBe(true);
});

test("a row that was deleted by CQL is published again, over its own chunks", async () => {
  const batch = await archived(4);
  await place.cql.execute(
    `DELETE FROM ${place.keyspace}.batches WHERE topic = ? AND topic_id = ? AND partition = ? AND branch = ? AND bucket = 0 AND start = 0`,
    partOf(batch, 0).slice(0, 4),
  );
  expect(await sink.stat(batch.description, "cheap", never)).toEqual({ is: "absent" });
  await archived(4);
  await readsBack(batch);
});

test("folders deleted by a clock that is ahead are made again by the next process", async () => {
  const batch = await archived(8, 1000);
  const aheadUs = BigInt(Date.now() + 60_000 * 20) * 1000n;
  await place.cql.execute(
    `DELETE FROM ${place.keyspace}.folders USING TIMESTAMP ? WHERE topic = ? AND topic_id = ? AND partition = ? AND branch = ? AND level = 0 AND parent = 0`,
    [aheadUs, ...partOf(batch, 0).slice(0, 4)],
  );
  const next = await place.open();
  expect(await all(next.list(scopeOf(8), 0n, never))).toEqual([]);
  const second = madeBatch({ partition: 8, start: 10n, size: 1000 });
  expect(await next.publish(second, never)).toEqual({ outcome: "created" });
  const starts = (await all(next.list(scopeOf(8), 0n, never))).map((l) => l.start);
  expect(starts).toEqual([0n, 10n]);
  await next.close();
});

test("chunks of a put that died lie there unseen; another cut of the same start does not mix", async () => {
  const dead = madeBatch({ partition: 5, start: 0n, size: 2 * MIB, seed: 9 });
  const cut = new AbortController();
  const put = sink.publish(dead, cut.signal);
  while ((await chunksOf(dead)) === 0);
  cut.abort(new Error("died"));
  await expect(put).rejects.toThrow("died");
  expect(await sink.stat(dead.description, "cheap", never)).toEqual({ is: "absent" });
  expect(await all(sink.list(scopeOf(5), 0n, never))).toEqual([]);
  const batch = await archived(5, 2 * MIB + 1);
  await readsBack(batch);
  expect(await chunksOf(dead)).toBeGreaterThan(0);
});

test("a batch of more than one part of chunks: any range of it, and its removal", async () => {
  const batch = await archived(6, 33 * MIB + 5);
  await readsBack(batch);
  const from = 32 * MIB - 3;
  const read = await all(sink.read(batch.description, { from, to: from + 9 }, never));
  expect(Buffer.concat(read).equals(batch.bytes.subarray(from, from + 9))).toBe(true);
  expect(await chunksOf(batch)).toBe(64);
  const state = await sink.stat(batch.description, "cheap", never);
  await sink.remove?.(batch.description, "tag" in state ? state.tag : "", never);
  expect(await chunksOf(batch)).toBe(0);
  const later = await place.cql.execute(
    `SELECT chunk FROM ${place.keyspace}.chunks WHERE ${CHUNK_KEY}`,
    partOf(batch, 1),
  );
  expect(later.rows).toEqual([]);
});

test("an empty batch is a row without chunks", async () => {
  const batch = await archived(7, 0);
  await readsBack(batch);
  expect(await chunksOf(batch)).toBe(0);
});

async function chunksOf(batch: SealedBatch): Promise<number> {
  const { rows } = await place.cql.execute(
    `SELECT chunk FROM ${place.keyspace}.chunks WHERE ${CHUNK_KEY}`,
    partOf(batch, 0),
  );
  return rows.length;
}
