import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nextName } from "../../sinks/blob/next-file.ts";
import { FsStore } from "../../sinks/fs/fs-store.ts";
import { run } from "./strace.ts";

const WRITER = fileURLToPath(new URL("./fs-replace-writer.ts", import.meta.url));
const PATH = "data/file";
const RENAMES = "?rename,?renameat,?renameat2";
const never = new AbortController().signal;
let base = "";
let store: FsStore;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "bulk-archiver-replace-"));
  store = new FsStore({ base, fsync: true });
  await store.create("archive.json", { bytes: Buffer.from("{}"), digest: "" }, never);
  await store.create(PATH, { bytes: Buffer.from("old"), digest: "" }, never);
});
afterEach(() => rm(base, { recursive: true }));

const tagOf = async (): Promise<string> => (await store.head(PATH, never))?.tag ?? "";
const stored = (): string => readFileSync(join(base, PATH), "utf8");

/** Under strace, with what it is to do to renames; resolves to what the writer printed. */
const writer = (text: string, inject: string): Promise<string> => {
  const traced = ["-e", `trace=statx,${RENAMES}`, "-e", `inject=${RENAMES}:${inject}`];
  const log = ["-f", "-q", "-o", join(base, "trace")];
  return run("strace", [...log, ...traced, process.execPath, WRITER, base, PATH, text]);
};

test("a file is replaced as it was seen, and nothing else is", async () => {
  const tag = await tagOf();
  await store.replace(PATH, Buffer.from("new"), tag, never);
  expect(stored()).toBe("new");
  const again = store.replace(PATH, Buffer.from("newer"), tag, never);
  await expect(again).rejects.toThrow(/no longer what was seen/);
  expect([stored(), readdirSync(join(base, "tmp"))]).toEqual(["new", []]);
});

test("whoever changes a file removes what others have ready to replace it with", async () => {
  const left = join(base, "tmp", nextName(PATH));
  const others = join(base, "tmp", nextName("data/other"));
  const changes = {
    replace: async () => store.replace(PATH, Buffer.from("new"), await tagOf(), never),
    move: async () => store.move(PATH, "quarantine/file", await tagOf(), never),
    remove: async () => store.remove(PATH, await tagOf(), never),
  };
  for (const [name, change] of Object.entries(changes)) {
    await store.create(PATH, { bytes: Buffer.from("old"), digest: "" }, never);
    for (const file of [left, others]) writeFileSync(file, "left");
    await change();
    expect([existsSync(left), existsSync(others)], name).toEqual([false, true]);
  }
});

test("a process that stands still before its rename finds nothing to rename", async () => {
  const late = writer("late", "delay_enter=1500000");
  // It has looked at what it replaces for the last time: as it was seen, so that it goes on.
  const looks = (): number =>
    existsSync(join(base, "trace"))
      ? readFileSync(join(base, "trace"), "utf8").split(`"${join(base, PATH)}"`).length - 1
      : 0;
  await expect.poll(looks, { timeout: 20_000, interval: 20 }).toBeGreaterThanOrEqual(2);
  await store.replace(PATH, Buffer.from("newer"), await tagOf(), never);
  expect(await late).toMatch(/replace .*ENOENT/);
  expect(stored()).toBe("newer");
});

test("a rename that fails, or is answered as done and is not, leaves the old file and says so", async () => {
  expect(await writer("new", "error=EIO")).toMatch(/EIO/);
  expect([stored(), readdirSync(join(base, "tmp"))]).toEqual(["old", []]);
  expect(await writer("new", "retval=0")).toMatch(/no longer what was seen/);
  expect(stored()).toBe("old");
});
