import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { publish } from "../../src/pipeline/deliver-batch.ts";
import type { TaskPorts } from "../../src/pipeline/ports.ts";
import { IDENTITY, madeBatch } from "../../src/sdk/conformance-batches.ts";
import type { Sink } from "../../src/sdk/sink.ts";
import { openSink, placeIn } from "../sinks/fs-place.ts";

const never = new AbortController().signal;
const batch = madeBatch({ partition: 0, start: 0n });
let dir = "";
let sink: Sink;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "archiver-deliver-"));
  sink = await openSink(dir);
  await sink.claim(IDENTITY, never);
});
afterEach(async () => {
  await sink.close();
  await rm(dir, { recursive: true });
});

test("a damaged file under the batch's name is said of the sink that has it, and not overwritten", async () => {
  expect((await sink.publish(batch, never)).outcome).toBe("created");
  await placeIn(dir).damage(batch);
  const claim = { done: true, outcome: Promise.resolve(null) };
  const named = (name: string): object => ({ name, sink, mayBeAway: false, claim });
  const ports: Partial<Record<keyof TaskPorts, unknown>> = {
    sinks: [named("files"), named("copy")],
    failpoint: () => undefined,
  };
  const published = (at: number): ReturnType<typeof publish> =>
    publish(ports as unknown as TaskPorts, 0, at, batch, never);
  expect(await published(0)).toMatchObject({
    ...{ of: "alarm", code: "primary-invalid", sink: "files" },
    text: expect.stringContaining("sink files"),
  });
  expect(await published(1)).toMatchObject({
    ...{ of: "alarm", code: "sink-conflict", sink: "copy" },
    text: expect.stringContaining("sink copy"),
  });
});
