import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TaskPorts } from "../../src/pipeline/ports.ts";
import { take } from "../../src/pipeline/take.ts";
import { IDENTITY, madeBatch, madeManifest, scopeOf } from "../../src/sdk/conformance-batches.ts";
import type { SealedBatch, Sink } from "../../src/sdk/sink.ts";
import { openSink, placeIn } from "../sinks/fs-place.ts";

/** What lies in a sink is read back before it is given to others: its digest has to be right. */
const never = new AbortController().signal;
const batch = madeBatch({ partition: 0, start: 0n });
let dir = "";
let sink: Sink;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "archiver-take-"));
  sink = await openSink(dir);
  await sink.claim(IDENTITY, never);
  expect((await sink.publish(batch, never)).outcome).toBe("created");
  // Of a whole batch a look reads the manifest and the length; only taking it reads the bytes.
  const described = await sink.describe(madeManifest(batch.description), never);
  expect(described.outcome).toBe("created");
});
afterEach(async () => {
  await sink.close();
  await rm(dir, { recursive: true });
});

/** As much of a task as taking needs; the judge, who comes after the digest, objects to nothing. */
function taken(from: Sink = sink, remade: SealedBatch = batch): Promise<SealedBatch> {
  const claim = { done: true, outcome: Promise.resolve(null) };
  const named = { name: "files", sink: from, mayBeAway: false, claim };
  const judge = { objection: () => Promise.resolve(null) };
  const ports: Partial<Record<keyof TaskPorts, unknown>> = {
    ...{ scope: scopeOf(0), sinks: [named], judge, records: null },
    remake: () => Promise.resolve(remade),
  };
  return take(ports as unknown as TaskPorts, 0, 0n, null, never);
}

test("a batch is taken as it was published", async () => {
  const { bytes, description } = await taken();
  expect(Buffer.from(bytes).equals(batch.bytes)).toBe(true);
  expect(description).toEqual(batch.description);
});

test("a flipped bit in a file of the right length is refused", async () => {
  await placeIn(dir).damage(batch);
  await expect(taken()).rejects.toMatchObject({
    code: "primary-invalid",
    message: expect.stringContaining("length or digest"),
  });
});

test("a file that was cut short is refused", async () => {
  await truncate(join(dir, "archive", batch.description.seal.path), 1_000);
  await expect(taken()).rejects.toMatchObject({ code: "primary-invalid" });
});

test("where no sink keeps the file, only what Kafka makes the same counts as it", async () => {
  const { capabilities } = sink;
  const withoutFiles = {
    capabilities: { ...capabilities, holds: "manifests" },
    stat: sink.stat.bind(sink),
  } as Partial<Sink> as Sink;
  expect((await taken(withoutFiles)).description).toEqual(batch.description);
  const { seal } = batch.description;
  const otherSeal = { ...batch.description, seal: { ...seal, digest: "0".repeat(64) } };
  await expect(taken(withoutFiles, { ...batch, description: otherSeal })).rejects.toMatchObject({
    code: "primary-invalid",
    message: expect.stringContaining("Kafka no longer has what makes it"),
  });
});
