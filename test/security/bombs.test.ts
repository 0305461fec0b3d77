import { gzipSync, deflateRawSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import { compressSync as snappyCompress } from "snappy";
import { compress as zstdCompress } from "zstd-napi";
import { beforeAll, expect, test } from "vitest";
import { aboutOf } from "../../sinks/s3/s3-about.ts";
import { decodeAssignment, encodeAssignment } from "../../src/kafka/subscription.ts";
import { contentOf } from "../../src/operate/verify/foreign-frames.ts";
import { decompress } from "../../src/record-batch/codecs.ts";
import { openContent } from "../../src/seal/unseal.ts";
import { unframed } from "../../src/seal/zstd.ts";
import { identityKeys, storedSamples } from "../fuzz/targets/stored-samples.ts";
import { blake3Hex } from "../../src/core/digest.ts";

/** Small files that unfold to half a gigabyte: refused, and never unfolded to be refused. */
const PIECE_BYTES = 32 << 20;
const PIECES = 16;
const BOUND = 1 << 20;
const MAX_GROWTH_KIB = 64 << 10;

const bombs = new Map<string, Buffer>();

beforeAll(() => {
  const zeros = Buffer.alloc(PIECE_BYTES);
  const again = (piece: Uint8Array): Buffer =>
    Buffer.concat(Array.from({ length: PIECES }, () => piece));
  bombs.set("gzip", again(gzipSync(zeros)));
  bombs.set("zstd", again(zstdCompress(zeros)));
  bombs.set("lz4", again(compressFrameSync(zeros)));
  // A raw snappy block has one length at its head.
  bombs.set("snappy", snappyCompress(zeros) as Buffer);
  bombs.set("deflate", deflateRawSync(zeros));
});

/** Of the process, at most ever: what was given back in between counts. */
const peakKiB = (): number => process.resourceUsage().maxRSS;

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Rejects or throws, and takes no memory for it. */
async function refused(unfold: () => unknown): Promise<void> {
  const before = peakKiB();
  await expect((async () => unfold())()).rejects.toThrow();
  expect(peakKiB() - before).toBeLessThan(MAX_GROWTH_KIB);
}

const bomb = (codec: string): Buffer => bombs.get(codec) ?? Buffer.alloc(0);

test.each(["gzip", "snappy", "lz4", "zstd"] as const)("in a record batch: %s", (codec) =>
  refused(() => decompress(codec, bomb(codec), BOUND)),
);

test.each(["gzip", "zstd"] as const)("as a stored file, for verify's own reader: %s", (codec) =>
  refused(() => Buffer.concat([...contentOf(codec, bomb(codec), BOUND)])),
);

test("as frames of a stored file", () =>
  refused(() => Buffer.concat([...unframed(bomb("zstd"), BOUND)])));

test.each(["gzip", "zstd"] as const)(
  "as a stored file whose digest is right: as much as its manifest says at most: %s",
  (codec) => {
    const sample = storedSamples.find(
      (s) => s.m.seal.codec === codec && s.m.seal.encryption === "none",
    );
    if (sample === undefined) throw new Error(`no stored sample of ${codec}`);
    const bytes = bomb(codec);
    const seal = { ...sample.m.seal, size: bytes.length, digest: blake3Hex(bytes) };
    const content = openContent({ ...sample.m, seal }, one(bytes), { identities: identityKeys });
    return refused(() => Array.fromAsync(content));
  },
);

test("as a description in the metadata of an S3 object: it is none", () => {
  const before = peakKiB();
  const value = bomb("deflate").toString("base64");
  expect(aboutOf(value).toString()).toBe(Buffer.from(value).toString());
  expect(peakKiB() - before).toBeLessThan(MAX_GROWTH_KIB);
});

test("as a group's plan in the assignment of a member", () => {
  const owned = [{ topic: "logs", partition: 0 }];
  // Twice the bound of a plan.
  const four = deflateRawSync(Buffer.alloc(4 * PIECE_BYTES));
  return refused(() => decodeAssignment(encodeAssignment(owned, four)));
});
