import { setTimeout as pause } from "node:timers/promises";
import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { linkNew } from "../../sinks/fs/fs-file.ts";
import { fsPlugin } from "../../sinks/fs/fs-plugin.ts";
import { FsStore } from "../../sinks/fs/fs-store.ts";
import { sweepTmp } from "../../sinks/fs/fs-sweep.ts";
import { builtInSinks } from "../../sinks/index.ts";
import { amendmentPath, manifestPath } from "../../src/core/layout.ts";
import { IDENTITY, madeBatch, madeManifest, scopeOf } from "../../src/sdk/conformance-batches.ts";
import { filesBelow, openSink } from "./fs-place.ts";

const never = new AbortController().signal;
const batch = madeBatch({ partition: 0, start: 0n });
let address = "";
let base = "";

beforeEach(async () => {
  address = await mkdtemp(join(tmpdir(), "bulk-archiver-store-"));
  base = join(address, "archive");
});

afterEach(() => rm(address, { recursive: true }));

async function drain(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _item of items) count += 1;
  return count;
}

test("reading an archive that is not there creates nothing", async () => {
  const sink = await openSink(address);
  expect(await sink.identity(never)).toBeUndefined();
  expect(await sink.stat(batch.description, "bytes", never)).toEqual({ is: "absent" });
  expect(await sink.floor(scopeOf(0), 5n, never)).toBeUndefined();
  expect(await drain(sink.list(scopeOf(0), 0n, never))).toBe(0);
  expect(await drain(sink.scopes(never))).toBe(0);
  await sink.close();
  expect(await readdir(address)).toEqual([]);
});

test("check on a new folder leaves nothing behind", async () => {
  const findings = await (await openSink(address)).check(never);
  expect(findings.map((f) => f.level)).toEqual(["ok"]);
  expect(await readdir(address)).toEqual([]);
});

test("a folder whose parent is missing is not created", async () => {
  const sink = await openSink(join(address, "not-mounted"));
  await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject({ code: "sink-transient" });
  expect(await readdir(address)).toEqual([]);
});

test("nothing is written where no archive was claimed", async () => {
  await mkdir(base);
  const sink = await openSink(address);
  await expect(sink.publish(batch, never)).rejects.toThrow(/archive\.json is not there/);
  expect(await readdir(base)).toEqual([]);
});

test("an archive that vanishes is unreachable, never empty, and never begun again", async () => {
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  await sink.publish(batch, never);
  const away = join(address, "away");
  const lost = { code: "sink-transient" };
  for (const leave of ["nothing", "an empty mount point"]) {
    await rename(base, away);
    if (leave !== "nothing") await mkdir(base);
    const before = await readdir(address, { recursive: true });
    await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(lost);
    await expect(sink.identity(never)).rejects.toMatchObject(lost);
    await expect(sink.publish(batch, never)).rejects.toMatchObject(lost);
    await expect(sink.stat(batch.description, "cheap", never)).rejects.toMatchObject(lost);
    await expect(sink.floor(scopeOf(0), 5n, never)).rejects.toMatchObject(lost);
    await expect(drain(sink.list(scopeOf(0), 0n, never))).rejects.toMatchObject(lost);
    await expect(drain(sink.scopes(never))).rejects.toMatchObject(lost);
    expect((await sink.check(never)).map((f) => f.code)).toEqual(["sink-transient"]);
    expect(await readdir(address, { recursive: true })).toEqual(before);
    if (leave !== "nothing") await rm(base, { recursive: true });
    await rename(away, base);
    expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
  }
});

test("folders that vanish while running are made again", async () => {
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  await sink.publish(batch, never);
  await rm(join(base, "data"), { recursive: true });
  await expect(sink.publish(batch, never)).rejects.toMatchObject({ code: "sink-transient" });
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
});

test("a link that was made although it answered EEXIST is ours", async () => {
  const [temp, final] = [join(address, "temp"), join(address, "final")];
  await writeFile(temp, "a");
  await link(temp, final);
  expect(await linkNew(temp, final)).toBe("created");
  const other = join(address, "other");
  await writeFile(other, "a");
  expect(await linkNew(other, final)).toBe("exists");
});

test("a folder or a foreign file under a batch's name is reported, not touched", async () => {
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  const path = join(base, batch.description.seal.path);
  await mkdir(path, { recursive: true });
  await expect(sink.publish(batch, never)).rejects.toMatchObject({ code: "sink-permanent" });
  await rm(path, { recursive: true });
  await writeFile(path, "something else");
  const answer = await sink.publish(batch, never);
  expect(answer).toMatchObject({ outcome: "different", state: { is: "damaged" } });
  expect((await stat(path)).size).toBe(14);
});

test("a manifest that is no manifest is damage with its reason", async () => {
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  await sink.publish(batch, never);
  const path = join(base, manifestPath(batch.description));
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, '{"version":1}\n');
  const state = await sink.stat(batch.description, "cheap", never);
  expect(state).toMatchObject({
    is: "damaged",
    reason: expect.stringMatching(/json \(digest [0-9a-f]{16}\): manifest, field/),
  });
  const answer = await sink.describe(madeManifest(batch.description), never);
  expect(answer).toMatchObject({ outcome: "different", state: { is: "damaged" } });
  expect(await sink.publish(batch, never)).toMatchObject({ outcome: "different" });
  await expect(sink.floor(scopeOf(0), 5n, never)).rejects.toMatchObject({
    code: "manifest-invalid",
  });
});

test("stray names are no batches", async () => {
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  await sink.publish(batch, never);
  await sink.describe(madeManifest(batch.description), never);
  const folder = join(base, manifestPath(batch.description), "..");
  for (const name of [".nfs0001", "notes.txt", "00000000000000000000.amend-1.json", "~.json"]) {
    await writeFile(join(folder, name), "{}");
  }
  expect((await sink.floor(scopeOf(0), 5n, never))?.start).toBe(0n);
  expect(await drain(sink.list(scopeOf(0), 0n, never))).toBe(1);
});

test("something under every name of an amendment is not read without end", async () => {
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  await sink.publish(batch, never);
  await sink.describe(madeManifest(batch.description), never);
  for (let number = 1; number <= 30; number += 1)
    await writeFile(join(base, amendmentPath(batch.description, number)), "{}");
  expect(await sink.amendments?.(batch.description, never)).toHaveLength(1);
});

test("a sweep removes what is old and keeps what describes data without a manifest", async () => {
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  const [bare, full, never_] = [0, 1, 2].map((partition) =>
    madeBatch({ partition, start: 0n, seed: 9 - partition }),
  );
  if (bare === undefined || full === undefined || never_ === undefined) throw new Error("three");
  for (const published of [bare, full, never_]) await sink.publish(published, never);
  await sink.describe(madeManifest(full.description), never);
  await rm(join(base, never_.description.seal.path));
  await writeFile(join(base, "tmp", "0123.part"), "torn");
  await writeFile(join(base, "tmp", "4567.part"), "of a writer that lives");
  const old = new Date(Date.now() - 25 * 3_600_000);
  for (const name of await readdir(join(base, "tmp"))) {
    if (name !== "4567.part") await utimes(join(base, "tmp", name), old, old);
  }
  await (await openSink(address)).claim(IDENTITY, never);
  const left = await readdir(join(base, "tmp"));
  expect(left.length).toBe(2);
  expect(left).toContain("4567.part");
  expect(left.some((name) => name.startsWith(bare.description.seal.digest))).toBe(true);
  expect((await sink.stat(bare.description, "bytes", never)).is).toBe("data");
  expect((await sink.stat(full.description, "bytes", never)).is).toBe("whole");
});

test("a side file that is removed at the very moment of the link comes back", async () => {
  const store = new FsStore({ base, fsync: true });
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  const sweeping = { on: true };
  const sweep = async (): Promise<void> => {
    while (sweeping.on) {
      const disposable = async (): Promise<boolean> =>
        (await store.head(batch.description.seal.path, never)) === undefined;
      await store.sweep(0, disposable, never);
      // Without a pause a busy machine gives no try the time between two sweeps.
      await pause(2);
    }
  };
  const swept = sweep();
  const lost: number[] = [];
  for (let i = 0; i < 40; i++) {
    // A sweep without age also takes temporary files of the living: such a try simply fails.
    for (let done = false; !done;) {
      done = await sink.publish(batch, never).then(
        () => true,
        () => false,
      );
    }
    const state = await sink.stat(batch.description, "bytes", never);
    if (state.is !== "data") lost.push(i);
    await rm(join(base, batch.description.seal.path));
  }
  sweeping.on = false;
  await swept;
  expect(lost).toEqual([]);
});

test("a side file whose data came while it was swept comes back", async () => {
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  await sink.publish(batch, never);
  const tmp = join(base, "tmp");
  const before = await readdir(tmp);
  const answers = [true, false];
  const removed = await sweepTmp(tmp, 0, () => Promise.resolve(answers.shift() ?? false), never);
  expect(removed).toBe(0);
  expect(answers).toEqual([]);
  expect(await readdir(tmp)).toEqual(before);
  expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
});

test("another description of the same bytes that was left by a crash wins, and is answered", async () => {
  const sink = await openSink(address);
  await sink.claim(IDENTITY, never);
  const longer = madeBatch({ partition: 0, start: 0n, count: 12n, aborted: 2n });
  await sink.publish(longer, never);
  // As if the writer had died between the side file and the data's name.
  await rm(join(base, longer.description.seal.path));
  const answer = await sink.publish(batch, never);
  expect(answer).toMatchObject({ outcome: "different", state: { is: "data" } });
  const state = await sink.stat(batch.description, "bytes", never);
  expect(state.is === "data" && state.description).toEqual(longer.description);
});

test("listing is by whole path, folders where their paths belong", async () => {
  const store = new FsStore({ base, fsync: false });
  const names = ["a/b/1", "a.b", "a-b", "a/c", "b"];
  for (const name of names) {
    await mkdir(join(base, "x", name, ".."), { recursive: true });
    await writeFile(join(base, "x", name), name);
  }
  const expected = names.map((name) => `x/${name}`).sort();
  for (const after of [undefined, ...expected]) {
    const found: string[] = [];
    for await (const { path } of store.list("x", after, never)) found.push(path);
    expect(found).toEqual(expected.filter((path) => after === undefined || path > after));
  }
});

test("the configuration: relative to its file, bounds, no unknown keys", () => {
  expect(builtInSinks.get("fs")).toBe(fsPlugin);
  expect(fsPlugin.schema.parse({ path: "a" })).toEqual({
    path: "a",
    fsync: true,
    tmpMaxAge: 86_400_000,
  });
  expect(fsPlugin.schema.parse({ path: "a", tmpMaxAge: "90m" }).tmpMaxAge).toBe(5_400_000);
  for (const wrong of [
    {},
    { path: "" },
    { path: "a", pth: "b" },
    { path: "a", tmpMaxAge: "1 day" },
  ]) {
    expect(fsPlugin.schema.safeParse(wrong).success).toBe(false);
  }
});

test("without fsync check warns", async () => {
  const config = fsPlugin.schema.parse({ path: "archive", fsync: false });
  const sink = await fsPlugin.open(config, { name: "fs", baseDir: address }, never);
  expect((await sink.check(never)).map((f) => f.code)).toEqual(["fs-no-fsync", "write-probe"]);
  expect(await filesBelow(address)).toEqual([]);
});
