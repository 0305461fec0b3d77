import { DeleteObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { S3Store } from "../../../sinks/s3/s3-store.ts";
import { blake3Hex } from "../../../src/core/digest.ts";
import { HttpFaults } from "../../../src/sdk/conformance.ts";
import { settingsOf, storeWith } from "./s3-place.ts";
import {
  type BucketKind,
  foreignClient,
  newBucket,
  type OwnS3,
  type S3Server,
  s3Server,
} from "./server.ts";

/** What a real Ceph makes of If-Match, and what the store does with that. */
const never = new AbortController().signal;
const PATH = "data/file";
const [old, next, other] = ["as it was", "as it is to be", "something else"].map((text) =>
  Buffer.from(text),
) as [Buffer, Buffer, Buffer];
let own: OwnS3;
let client: S3Client;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  own = await s3Server();
  client = foreignClient(own.server);
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(async () => {
  client.destroy();
  await own.stop();
});

function storeIn(bucket: string, server: S3Server = own.server, more: object = {}): S3Store {
  const store = storeWith(settingsOf(server, bucket, more));
  opened.push(store);
  return store;
}

/** A bucket with one file, and the tag it is seen by. */
async function seenIn(kind: BucketKind = "plain", more: object = {}) {
  const bucket = await newBucket(own.server, kind);
  const store = storeIn(bucket, own.server, more);
  await store.create(PATH, { bytes: old, digest: blake3Hex(old) }, never);
  const tag = (await store.head(PATH, never))?.tag ?? "";
  return { bucket, store, tag };
}

const stored = async (store: S3Store): Promise<string> => {
  const pieces: Uint8Array[] = [];
  const size = (await store.head(PATH, never))?.size ?? 0;
  for await (const piece of store.get(PATH, 0, size, never)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
};

test("an object is replaced as it was seen, done again it stays, and nothing else is replaced", async () => {
  const { store, tag } = await seenIn();
  await store.replace(PATH, next, tag, never);
  expect(await stored(store)).toBe(String(next));
  await store.replace(PATH, next, tag, never);
  expect(await stored(store)).toBe(String(next));
  await expect(store.replace(PATH, other, tag, never)).rejects.toThrow(/no longer what was seen/);
  expect(await stored(store)).toBe(String(next));
  const tagOfNext = (await store.head(PATH, never))?.tag ?? "";
  await store.remove(PATH, tagOfNext, never);
  await expect(store.replace(PATH, other, tagOfNext, never)).rejects.toThrow(/no longer what/);
  expect(await store.head(PATH, never)).toBeUndefined();
});

test("of writers that replace the same object at once one does", async () => {
  const { bucket, tag } = await seenIn();
  const writers = Array.from({ length: 12 }, (_, i) => ({
    store: storeIn(bucket),
    bytes: Buffer.from(`writer ${i}`),
  }));
  const done = await Promise.allSettled(
    writers.map(({ store, bytes }) => store.replace(PATH, bytes, tag, never)),
  );
  const won = writers.filter((_, i) => done[i]?.status === "fulfilled");
  expect(won.map(({ bytes }) => String(bytes))).toEqual([await stored(storeIn(bucket))]);
});

test("a lost answer is looked after, and what arrives late changes nothing", async () => {
  const { bucket, store, tag } = await seenIn();
  const faults = await HttpFaults.open(new URL(own.server.endpoint));
  opened.push(faults);
  const behind = storeIn(bucket, { ...own.server, endpoint: faults.url });
  await behind.replace(PATH, next, tag, never);
  const tagOfNext = (await store.head(PATH, never))?.tag ?? "";
  faults.fault("answer-lost");
  await behind.replace(PATH, old, tagOfNext, never);
  expect(await stored(store)).toBe(String(old));
  faults.fault("late");
  const stop = new AbortController();
  const late = behind.replace(PATH, next, tag, stop.signal);
  await expect.poll(() => faults.held).toBe(1);
  stop.abort(new Error("given up"));
  await expect(late).rejects.toThrow("given up");
  await store.replace(PATH, other, tag, never);
  faults.fault(null);
  await expect.poll(() => faults.held).toBe(0);
  expect(await stored(store)).toBe(String(other));
});

test("a bucket with versions, where Ceph 16 takes no etag at all, has nothing replaced", async () => {
  const { store, tag } = await seenIn("versioned", { createOnly: "head-then-put" });
  await expect(store.replace(PATH, next, tag, never)).rejects.toThrow(/412.*with and without/);
  expect(await stored(store)).toBe(String(old));
});

test("what a store makes of If-Match is told before anything is to be replaced", async () => {
  const plain = await seenIn();
  expect(await plain.store.honoursIfMatch(never)).toBe("yes");
  // Once more by another process, which finds the probe there.
  expect(await storeIn(plain.bucket).honoursIfMatch(never)).toBe("yes");
  expect(await stored(plain.store)).toBe(String(old));
  const { store } = await seenIn("versioned", { createOnly: "head-then-put" });
  expect(await store.honoursIfMatch(never)).toBe("unknown");
});

test("with If-Match Ceph 16 replaces what has the bare etag only, and removes whatever is there", async () => {
  const { bucket, tag } = await seenIn();
  const at = { Bucket: bucket, Key: PATH };
  const put = (IfMatch: string): Promise<number | undefined> =>
    client.send(new PutObjectCommand({ ...at, Body: "x", IfMatch })).then(
      ({ $metadata }) => $metadata.httpStatusCode,
      (error: { $metadata: { httpStatusCode?: number } }) => error.$metadata.httpStatusCode,
    );
  expect([await put("0".repeat(32)), await put(`"${tag}"`), await put(tag)]).toEqual([
    412, 412, 200,
  ]);
  const { $metadata } = await client.send(new DeleteObjectCommand({ ...at, IfMatch: '"other"' }));
  expect($metadata.httpStatusCode).toBe(204);
  expect(await storeIn(bucket).head(PATH, never)).toBeUndefined();
});
