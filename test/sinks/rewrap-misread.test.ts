import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rewrapStored } from "../../sinks/blob/rewrap.ts";
import { fsPlugin } from "../../sinks/fs/fs-plugin.ts";
import { FsStore } from "../../sinks/fs/fs-store.ts";
import { makeAmendment } from "../../src/core/amendment.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { IDENTITY } from "../../src/sdk/conformance-batches.ts";
import { CHAIN } from "../crash/scenarios/sink-work.ts";
import { run } from "./strace.ts";

const never = new AbortController().signal;
let base = "";

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "archiver-misread-"));
});
afterEach(() => rmSync(base, { recursive: true }));

/** As the store of a plugin is, or this one was before it could replace. Reads what lies in `quarantine/` wrongly so many times. */
class MisreadStore extends FsStore {
  left = 0;
  override replace = undefined as never;

  override async *get(
    path: string,
    from: number,
    to: number,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const wrong = path.startsWith("quarantine/") && this.left-- > 0;
    for await (const piece of super.get(path, from, to, signal)) {
      const copy = Buffer.from(piece);
      if (wrong) copy[0] = (copy[0] ?? 0) ^ 4;
      yield copy;
    }
  }
}

/** One batch that an amendment is there for; its file is the old one. */
async function amended() {
  const [made] = CHAIN;
  if (made === undefined) throw new Error("the chain has batches");
  const { batch, manifest } = made;
  const settings = fsPlugin.schema.parse({ path: base });
  const sink = await fsPlugin.open(settings, { name: "files", baseDir: "/" }, never);
  await sink.claim(IDENTITY, never);
  await sink.publish(batch, never);
  await sink.describe(manifest, never);
  const file = Buffer.concat([batch.bytes, Buffer.from("again")]);
  const seal = { size: file.length, digest: blake3Hex(file), recipients: ["age1other"] };
  await sink.amend?.(manifest, makeAmendment(manifest, [], seal, {}), never);
  await sink.close();
  return { manifest, file, store: new MisreadStore({ base, fsync: false }) };
}

const aside = (): readonly string[] =>
  readdirSync(join(base, "quarantine"), { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => e.name);

test("an old file that is misread is not left to its old recipients", async () => {
  const { manifest, file, store } = await amended();
  store.left = 1_000;
  expect(await rewrapStored(store, manifest, () => Promise.resolve(file), never)).toBe("replaced");
  expect(aside()).toEqual([]);
});

test("one that a run before has moved and that is misread once is gone on with, and not taken for gone", async () => {
  const { manifest, file, store } = await amended();
  const dies = (): never => {
    throw new Error("dead");
  };
  store.create = dies;
  const rewrap = (): ReturnType<typeof rewrapStored> =>
    rewrapStored(store, manifest, () => Promise.resolve(file), never);
  await expect(rewrap()).rejects.toThrow("dead");
  expect(aside()).toHaveLength(1);
  Reflect.deleteProperty(store, "create");
  // The version that goes on with it has the verb.
  Reflect.deleteProperty(store, "replace");
  store.left = 1;
  expect(await rewrap()).toBe("replaced");
  expect(aside()).toEqual([]);
});

test("what a process that died may have left before its fsync is made durable before it counts", async () => {
  const { manifest, file, store } = await amended();
  Reflect.deleteProperty(store, "replace");
  await rewrapStored(store, manifest, () => Promise.resolve(file), never);
  const finder = fileURLToPath(new URL("./fs-finder.ts", import.meta.url));
  for (const [what, found] of [
    ["rewrap", "there"],
    ["claim", "whole"],
  ] as const) {
    const log = join(base, "tmp", what);
    const traced = ["-f", "-q", "-y", "-o", log, "-e", "trace=fsync"];
    expect(await run("strace", [...traced, process.execPath, finder, base, what])).toBe(found);
    expect(readFileSync(log, "utf8"), what).toMatch(/fsync\(\d+<[^>]*\/data\//);
  }
});
