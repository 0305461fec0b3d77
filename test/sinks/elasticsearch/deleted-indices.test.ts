import { afterAll, beforeAll, expect, test } from "vitest";
import { IDENTITY, madeChain, scopeOf } from "../../../src/sdk/conformance-batches.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { named } from "../../kafka/live-kafka.ts";
import { elasticsearch, openWith } from "./elasticsearch-place.ts";

const never = new AbortController().signal;
const opened: Sink[] = [];
let server: Awaited<ReturnType<typeof elasticsearch>>;

beforeAll(async () => {
  server = await elasticsearch();
}, 300_000);

afterAll(async () => {
  for (const sink of opened) await sink.close();
  await server.stop();
});

async function opening(indexPrefix: string): Promise<Sink> {
  const sink = await openWith(indexPrefix, {});
  opened.push(sink);
  return sink;
}

function two() {
  const [first, second] = madeChain(0, 2);
  if (first === undefined || second === undefined) throw new Error("a chain of two");
  return [first, second] as const;
}

const removed = async (index: string): Promise<void> => {
  const { status } = await fetch(`${server.url}/${index}`, { method: "DELETE" });
  expect(status).toBe(200);
};

const expectMade = async (index: string): Promise<void> => {
  const asked = await fetch(`${server.url}/${index}/_mapping`);
  expect(await asked.json()).toMatchObject({
    [index]: { mappings: { dynamic: "false", properties: { topicId: { type: "keyword" } } } },
  });
};

test("the index of batches is deleted under a daemon: it goes on when it is started again", async () => {
  const indexPrefix = named("deleted");
  const sink = await opening(indexPrefix);
  const [first, second] = two();
  await sink.claim(IDENTITY, never);
  await removed(`${indexPrefix}-batches`);
  const refused = { code: "sink-permanent", message: expect.stringContaining("restart") as string };
  await expect(sink.publish(first.batch, never)).rejects.toMatchObject(refused);
  const heir = await opening(indexPrefix);
  await heir.claim(IDENTITY, never);
  // One that was not restarted does not go on behind a gap, though the index is there again.
  await expect(sink.publish(second.batch, never)).rejects.toMatchObject(refused);
  for (const { batch, manifest } of [first, second]) {
    await heir.publish(batch, never);
    await heir.describe(manifest, never);
  }
  expect(await heir.floor(scopeOf(0), second.manifest.start, never)).toEqual(second.manifest);
  await expectMade(`${indexPrefix}-batches`);
});

test("an index of records is deleted under a daemon: it is told, and goes on in one with the right mappings", async () => {
  const indexPrefix = named("deleted");
  const sink = await opening(indexPrefix);
  const [first, second] = two();
  await sink.publish(first.batch, never);
  const index = `${indexPrefix}-records-${scopeOf(0).topic}-000000`;
  await removed(index);
  const told = { code: "sink-transient", message: expect.stringContaining(index) as string };
  await expect(sink.publish(second.batch, never)).rejects.toMatchObject(told);
  await sink.publish(second.batch, never);
  expect((await sink.stat(second.manifest, "bytes", never)).is).toBe("data");
  expect((await sink.stat(first.manifest, "bytes", never)).is).toBe("damaged");
  await expectMade(index);
});

test("an index that Elasticsearch made by itself is not written to", async () => {
  const indexPrefix = named("foreign");
  const sink = await opening(indexPrefix);
  const index = `${indexPrefix}-records-${scopeOf(0).topic}-000000`;
  const made = await fetch(`${server.url}/${index}/_doc/1?refresh=true`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: '{"topic":"t","topicId":"x","partition":0}',
  });
  expect(made.status).toBe(201);
  const [{ batch }] = two();
  await expect(sink.publish(batch, never)).rejects.toMatchObject({
    code: "sink-permanent",
    message: expect.stringContaining(`${index} has the field`) as string,
  });
  const counted = await fetch(`${server.url}/${index}/_count`);
  expect(await counted.json()).toMatchObject({ count: 1 });
});
