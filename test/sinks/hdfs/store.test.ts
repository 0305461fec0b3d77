import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { storedEquals } from "../../../sinks/blob/read-whole.ts";
import { blake3Hex } from "../../../src/core/digest.ts";
import type { NewBlob } from "../../../src/sdk/blob-store.ts";
import { HttpFaults } from "../../../src/sdk/conformance.ts";
import { ForeignHdfs } from "./foreign.ts";
import { newPath } from "./hdfs-place.ts";
import { testHdfs } from "./server.ts";
import { hdfsStore } from "./store.ts";

const hdfs = testHdfs();
const never = new AbortController().signal;
const BLOCK = 4096;

const blobOf = (bytes: Uint8Array, about?: string): NewBlob => ({
  bytes,
  digest: blake3Hex(bytes),
  ...(about === undefined ? {} : { about: Buffer.from(about) }),
});

/** One folder with an archive begun in it. */
async function begun(settings = {}): Promise<{
  store: ReturnType<typeof hdfsStore>;
  foreign: ForeignHdfs;
  path: string;
}> {
  const path = newPath();
  const store = hdfsStore(hdfs().url, path, settings);
  await store.create("archive.json", blobOf(Buffer.from("{}")), never);
  return { store, foreign: new ForeignHdfs(hdfs().url), path };
}

test("HDFS' checksum is computed here for every length, and tells one changed bit", async () => {
  const { store } = await begun({ blockSize: BLOCK, fsync: false });
  // Around bytes of a CRC, of a block, and of the buffers that HDFS' MD5 of MD5s is padded to.
  const sizes = [0, 1, 511, 512, 513, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1];
  for (const size of [...sizes, 4 * BLOCK, 4 * BLOCK + 9, 8 * BLOCK + 700, 17 * BLOCK]) {
    const bytes = randomBytes(size);
    const path = `data/${size}`;
    expect(await store.create(path, blobOf(bytes), never)).toBe("created");
    expect(await store.holds(path, bytes, never), `${size} bytes`).toBe(true);
    if (size === 0) continue;
    const at = Math.floor(size / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    // Whatever does not match is read, because in an encryption zone nothing matches.
    expect(await store.holds(path, bytes, never), `${size} bytes, one changed`).toBeUndefined();
    expect(await storedEquals(store, path, bytes, never)).toBe(false);
    expect(await store.holds(path, bytes.subarray(1), never)).toBe(false);
  }
  await store.close();
}, 120_000);

test("bytes in shared memory arrive as they are", async () => {
  const { store, foreign, path } = await begun();
  const bytes = new Uint8Array(new SharedArrayBuffer(3_000_001)).map((_, i) => i * 31);
  await store.create("data/shared", blobOf(bytes), never);
  expect((await foreign.read(`${path}/data/shared`)).equals(Buffer.from(bytes))).toBe(true);
  await store.close();
});

test("names that URLs and Java read differently come back as they are", async () => {
  const { store, foreign, path } = await begun();
  const names = ["data/a b+c%25&d=e;f", "data/größe-日本-😀", "data/'q\"#?", "data/x~(1)*!"];
  for (const name of names) {
    expect(await store.create(name, blobOf(Buffer.from(name)), never)).toBe("created");
    expect(await store.create(name, blobOf(Buffer.from("other")), never)).toBe("exists");
    const stored = [];
    for await (const piece of store.get(name, 0, Buffer.byteLength(name), never))
      stored.push(piece);
    expect(Buffer.concat(stored).toString()).toBe(name);
  }
  const found = (await foreign.files(path)).filter((name) => name.startsWith("data/"));
  expect(found).toEqual(names.toSorted());
  await store.close();
});

test("a listing is in the order of whole paths, whatever folders are called, from any point", async () => {
  const { store } = await begun({ fsync: false });
  const files = ["a!b", "a.b", "a/x", "a/y/z", "a/y!", "a0", "ab/c", "b-c/d", "b/e"].map(
    (name) => `data/${name}`,
  );
  for (const path of files) await store.create(path, blobOf(Buffer.from(path)), never);
  const sorted = files.toSorted();
  for (const after of [undefined, "data/", ...sorted, "data/a", "data/a/", "data/a/y", "data/zz"]) {
    const found: string[] = [];
    for await (const { path, size } of store.list("data", after, never)) {
      expect(size).toBe(path.length);
      found.push(path);
    }
    expect(found, `after ${after}`).toEqual(sorted.filter((p) => after === undefined || p > after));
  }
  const starting: string[] = [];
  for await (const { path } of store.startingWith("data", "a", never)) starting.push(path);
  expect(starting).toEqual(["data/a!b", "data/a.b", "data/a0"]);
  await store.close();
}, 120_000);

test("a description too long for an attribute is kept beside, and swept only when it may go", async () => {
  const { store, foreign, path } = await begun();
  const about = JSON.stringify({ holes: "x".repeat(100_000) });
  await store.create("data/long", blobOf(Buffer.from("bytes"), about), never);
  const read = await store.about("data/long", () => Promise.resolve(""), never);
  expect(Buffer.from(read ?? []).toString()).toBe(about);
  const inTmp = async (): Promise<readonly string[]> =>
    (await foreign.files(path)).filter((name) => name.startsWith("tmp/"));
  expect(await inTmp()).toHaveLength(1);
  const seen: string[] = [];
  const keep = (bytes: Uint8Array): Promise<boolean> => {
    seen.push(Buffer.from(bytes).toString());
    return Promise.resolve(false);
  };
  expect(await store.sweep(-60_000, keep, never)).toBe(0);
  expect(seen).toEqual([about]);
  // Disposable at the first look and not at the second: a writer found it in between.
  let looks = 0;
  expect(await store.sweep(-60_000, () => Promise.resolve(looks++ === 0), never)).toBe(0);
  expect(await store.about("data/long", () => Promise.resolve(""), never)).toEqual(read);
  expect(await store.sweep(-60_000, () => Promise.resolve(true), never)).toBe(1);
  expect(await inTmp()).toEqual([]);
  await store.close();
});

test("what a dead writer left is no batch, and is swept when it is old", async () => {
  const { store, foreign, path } = await begun();
  // CREATE with a body that ends early: HDFS closes the file and keeps what came.
  const step = `${hdfs().url}/webhdfs/v1${path}/tmp/dead.part?op=CREATE&user.name=archiver`;
  const { headers } = await fetch(step, { method: "PUT", redirect: "manual" });
  const dying = new AbortController();
  const body = new ReadableStream({
    async pull(controller) {
      controller.enqueue(new Uint8Array(70_000));
      await new Promise((resolve) => setTimeout(resolve, 100));
      dying.abort();
    },
  });
  const upload = { method: "PUT", body, duplex: "half", signal: dying.signal } as RequestInit;
  await expect(fetch(headers.get("location") ?? "", upload)).rejects.toThrow();
  const left = (await foreign.files(path)).filter((name) => name !== "archive.json");
  expect(left).toEqual(["tmp/dead.part"]);
  expect(await store.sweep(3_600_000, () => Promise.resolve(true), never)).toBe(0);
  expect(await store.sweep(-60_000, () => Promise.resolve(true), never)).toBe(1);
  expect(await foreign.files(path)).toEqual(["archive.json"]);
  await store.close();
});

test("a move or removal acts on what was seen, and a move replaces nothing", async () => {
  const { store, foreign, path } = await begun();
  await store.create("data/one", blobOf(Buffer.from("one")), never);
  await store.create("quarantine/two", blobOf(Buffer.from("two")), never);
  const one = await store.head("data/one", never);
  await expect(store.move("data/one", "quarantine/one", "other", never)).rejects.toThrow(/seen/);
  const replacing = store.move("data/one", "quarantine/two", one?.tag ?? "", never);
  await expect(replacing).rejects.toThrow(/is there already/);
  expect((await foreign.read(`${path}/quarantine/two`)).toString()).toBe("two");
  await store.move("data/one", "quarantine/one", one?.tag ?? "", never);
  expect(await store.head("data/one", never)).toBeUndefined();
  expect((await store.head("quarantine/one", never))?.tag).toBe(one?.tag);
  await store.close();
});

const contentOf = async (foreign: ForeignHdfs, file: string): Promise<string> =>
  (await foreign.read(file)).toString();

test("a file is replaced as it was seen, in one step, and nothing else is", async () => {
  const { store, foreign, path } = await begun();
  await store.create("data/one", blobOf(Buffer.from("one"), "about one"), never);
  const tag = (await store.head("data/one", never))?.tag ?? "";
  await store.replace("data/one", Buffer.from("two!"), tag, never);
  expect(await contentOf(foreign, `${path}/data/one`)).toBe("two!");
  const again = store.replace("data/one", Buffer.from("three"), tag, never);
  await expect(again).rejects.toThrow(/no longer what was seen/);
  expect(await contentOf(foreign, `${path}/data/one`)).toBe("two!");
  const absent = store.replace("data/none", Buffer.from("three"), tag, never);
  await expect(absent).rejects.toThrow(/no longer what was seen/);
  expect(await foreign.files(path)).toEqual(["archive.json", "data/one"]);
  await store.close();
});

test("a RENAME that arrives late finds nothing to rename", async () => {
  const { store, foreign, path } = await begun();
  const faults = await HttpFaults.open(new URL(hdfs().url), ({ url = "" }) =>
    url.includes("op=RENAME"),
  );
  const behind = hdfsStore(faults.url, path);
  const changes = {
    replaced: (file: string, tag: string) =>
      store.replace(file, Buffer.from("newer"), tag, never).then(() => "newer"),
    removed: (file: string, tag: string) => store.remove(file, tag, never).then(() => undefined),
  };
  for (const [name, change] of Object.entries(changes)) {
    const file = `data/${name}`;
    await store.create(file, blobOf(Buffer.from("one")), never);
    const tag = (await store.head(file, never))?.tag ?? "";
    faults.fault("late");
    // As of a process that was killed: nobody aborts, and nothing is cleaned up.
    const late = behind.replace(file, Buffer.from("late"), tag, never);
    await expect.poll(() => faults.held).toBe(1);
    const left = await change(file, tag);
    faults.fault(null);
    await expect(late).rejects.toThrow(/RENAME|no longer/);
    const found = (await foreign.files(path)).includes(file);
    expect(found ? await contentOf(foreign, `${path}/${file}`) : undefined, name).toBe(left);
  }
  await behind.close();
  await store.close();
  await faults.close();
});

test("the answer to a RENAME that was lost is looked after", async () => {
  const { store, foreign, path } = await begun();
  const faults = await HttpFaults.open(new URL(hdfs().url), ({ url = "" }) =>
    url.includes("op=RENAME"),
  );
  const behind = hdfsStore(faults.url, path);
  await store.create("data/one", blobOf(Buffer.from("one")), never);
  faults.fault("answer-lost");
  const tag = (await store.head("data/one", never))?.tag ?? "";
  await behind.replace("data/one", Buffer.from("two!"), tag, never);
  expect(await contentOf(foreign, `${path}/data/one`)).toBe("two!");
  await behind.close();
  await store.close();
  await faults.close();
});
