import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { IDENTITY, madeBatch, madeManifest, scopeOf } from "../../src/sdk/conformance-batches.ts";
import { filesBelow, openSink } from "./fs-place.ts";
import { run, traced } from "./strace.ts";

const never = new AbortController().signal;
const PARTITIONS = 8;
let address = "";

beforeEach(async () => {
  address = await mkdtemp(join(tmpdir(), "bulk-archiver-faults-"));
});

afterEach(() => rm(address, { recursive: true }));

async function claim(): Promise<void> {
  await (await openSink(address)).claim(IDENTITY, never);
}

async function expectWhole(partitions: number): Promise<void> {
  const sink = await openSink(address);
  for (let partition = 0; partition < partitions; partition++) {
    const batch = madeBatch({ partition, start: 0n, seed: partition + 1, size: 200_000 });
    const state = await sink.stat(batch.description, "bytes", never);
    expect(state).toMatchObject({ is: "whole", manifest: madeManifest(batch.description) });
  }
  const names = (await filesBelow(join(address, "archive"))).filter((n) => !n.startsWith("tmp/"));
  expect(names.length).toBe(2 * partitions + 1);
}

// Every step is made to fail again and again, at drifting positions; tried again, all is whole.
const STEPS: readonly (readonly [string, string, RegExp])[] = [
  ["pwrite64", "error=ENOSPC:when=1+3", /full/],
  ["pwrite64", "error=EDQUOT:when=2+4", /quota/],
  ["fdatasync", "error=EIO:when=1+3", /EIO/],
  ["fsync", "error=EIO:when=2+5", /EIO/],
  ["?link,?linkat", "error=EIO:when=1+3", /EIO/],
  ["?link,?linkat", "error=ESTALE:when=3+4", /stale/],
  ["?unlink,?unlinkat", "error=EIO:when=1+4", /EIO/],
  ["?mkdir,?mkdirat", "error=EROFS:when=1+4", /read-only/],
  ["close", "error=EIO:when=1+2", /EIO/],
];

test.each(STEPS)("%s with %s", { timeout: 30_000 }, async (calls, inject, text) => {
  await claim();
  // Node itself closes much; of the archive, closing the folder tmp/ is made to fail.
  const only = calls === "close" ? join(address, "archive", "tmp") : undefined;
  const writer = { count: PARTITIONS, tries: 20 };
  const seen = await traced(address, calls, inject, writer, only);
  expect(seen.calls.filter((l) => l.includes("INJECTED")).length).toBeGreaterThan(2);
  expect(seen.codes["sink-transient"]).toBeGreaterThan(2);
  expect(Object.keys(seen.codes)).toEqual(["sink-transient"]);
  expect(seen.text).toMatch(text);
  expect(seen.text).toContain(address);
  await expectWhole(PARTITIONS);
});

test("permission denied is unauthorized and names the folder", async () => {
  await claim();
  const faults = await traced(address, "?mkdir,?mkdirat", "error=EACCES", { count: 1, tries: 2 });
  expect(faults.codes).toEqual({ "sink-unauthorized": 2, "gave-up": 1 });
  expect(faults.text).toMatch(/archive.*EACCES, permission denied/);
});

test("a file system without hard links is refused for good, in words", async () => {
  await claim();
  const faults = await traced(address, "?link,?linkat", "error=EPERM", { count: 1, tries: 1 });
  expect(faults.codes).toEqual({ "sink-permanent": 1, "gave-up": 1 });
  expect(faults.text).toMatch(/no hard links/);
  expect((await filesBelow(join(address, "archive"))).filter((n) => n.startsWith("data/"))).toEqual(
    [],
  );
});

test("everything is durable before it has its name, and its name before it is answered", async () => {
  await claim();
  const calls = "fdatasync,fsync,?link,?linkat,write,?unlink,?unlinkat";
  const { calls: seen } = await traced(address, calls, undefined, { count: 1, tries: 1 });
  const at = (what: RegExp, from = 0): number => {
    const found = seen.findIndex((line, i) => i >= from && what.test(line));
    expect(found, `${what} after line ${from} of\n${seen.join("\n")}`).toBeGreaterThanOrEqual(from);
    return found;
  };
  // The side file: written, named, its name durable; the data: written; only then the data's name.
  const side = at(/link.*\.about"/);
  const sideNamed = at(/fsync\(.*\/tmp>/, side);
  const data = at(/link.*"[^"]*\/data\/[^"]*"/, sideNamed);
  const dataNamed = at(/fsync\(.*\/data\/.*\/00000000000>/, data);
  const manifest = at(/link.*"[^"]*\/manifests\/[^"]*"/, dataNamed);
  const named = at(/fsync\(.*\/manifests\/.*\/00000000000>/, manifest);
  at(/write\(1/, named);
  const synced = (from: number, to: number): number =>
    seen
      .slice(from, to)
      .filter((line) => /fdatasync\(.*\.part>/.test(line) && !/unfinished/.test(line)).length;
  const resumed = seen.slice(0, data).filter((line) => /fdatasync resumed/.test(line)).length;
  expect(synced(0, data) + resumed).toBe(2);
  expect(synced(data, manifest)).toBe(1);
  const dataTemp = /link[^"]*"([^"]*)"/.exec(seen[data] ?? "")?.[1];
  expect(
    seen.slice(0, data).some((l) => l.includes("fdatasync") && l.includes(dataTemp ?? "?")),
  ).toBe(true);
});

test("a description taken away before the data has its name is put back", async () => {
  await claim();
  const tmp = join(address, "archive", "tmp");
  const described = async (): Promise<readonly string[]> =>
    (await readdir(tmp)).filter((name) => name.endsWith(".about"));
  // Every link comes late, so that there is time between the side file's and the data's.
  const slow = "delay_enter=200000";
  const writing = traced(address, "?link,?linkat", slow, { count: 1, tries: 1 });
  let taken: string | undefined;
  while (taken === undefined) {
    await setTimeout(5);
    [taken] = await described().catch(() => []);
  }
  await rm(join(tmp, taken));
  expect((await writing).codes).toEqual({});
  expect(await described()).toEqual([taken]);
  await expectWhole(1);
});

test("a disk that is full: reported, nothing partial, and whole once there is room", async () => {
  const base = join(address, "archive");
  await mkdir(base);
  const limited = await limitedDisk(base);
  try {
    await limited.fills();
    expect((await filesBelow(base)).filter((n) => /^(data|manifests)\//.test(n))).toEqual([]);
    const left = await readdir(join(base, "tmp"));
    expect(left.filter((name) => !name.endsWith(".about"))).toEqual([]);
    await limited.roomAgain();
    const sink = await openSink(address);
    const batch = madeBatch({ partition: 0, start: 0n, size: 3_000_000 });
    expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
    expect(await sink.describe(madeManifest(batch.description), never)).toEqual({
      outcome: "created",
    });
    await limited.whenReadOnly(async () => {
      const next = madeBatch({ partition: 0, start: 10n });
      await expect(sink.publish(next, never)).rejects.toMatchObject({ code: "sink-transient" });
      await expect(sink.publish(next, never)).rejects.toThrow(/read-only/);
      const reader = await openSink(address);
      expect((await reader.stat(batch.description, "bytes", never)).is).toBe("whole");
      expect((await reader.floor(scopeOf(0), 99n, never))?.start).toBe(0n);
      expect((await reader.check(never)).map((f) => f.level)).toContain("error");
    });
  } finally {
    await limited.done();
  }
});

interface LimitedDisk {
  fills(): Promise<void>;
  roomAgain(): Promise<void>;
  whenReadOnly(body: () => Promise<void>): Promise<void>;
  done(): Promise<void>;
}

/** A real small file system where mounting is allowed, else a limit on the size of files. */
async function limitedDisk(base: string): Promise<LimitedDisk> {
  const never2 = async (): Promise<void> => Promise.resolve();
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=4m", "none", base]);
  } catch {
    return { fills: () => overLimit(), roomAgain: never2, whenReadOnly: never2, done: never2 };
  }
  const filler = join(base, "filler");
  return {
    fills: async () => {
      await claim();
      await writeFile(filler, Buffer.alloc(3 << 20));
      const sink = await openSink(address);
      const published = sink.publish(
        madeBatch({ partition: 0, start: 0n, size: 3_000_000 }),
        never,
      );
      await expect(published).rejects.toMatchObject({ code: "sink-transient" });
      await expect(published).rejects.toThrow(/ENOSPC, the file system is full/);
    },
    roomAgain: () => rm(filler),
    whenReadOnly: async (body) => {
      await run("mount", ["-o", "remount,ro", base]);
      await body();
    },
    done: async () => {
      await run("umount", [base]);
    },
  };
}

/** `ulimit -f` counts blocks of 512 or 1024 bytes: both are less than the batch of 200,000. */
async function overLimit(): Promise<void> {
  await claim();
  const writer = new URL("./fs-fault-writer.ts", import.meta.url).pathname;
  const script = `ulimit -f 100; exec "$0" "$@"`;
  const out = await run("sh", ["-c", script, process.execPath, writer, address, "1", "2"]);
  expect(JSON.parse(out)).toMatchObject({ codes: { "sink-transient": 2, "gave-up": 1 } });
  expect(out).toMatch(/EFBIG/);
}
