import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BLOCK_BYTES } from "../../src/core/bytes.ts";
import type { Cut } from "../../src/core/cut.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { keygen } from "../../src/seal/keygen.ts";
import { loadIdentities, loadSeeds } from "../../src/seal/keys.ts";
import { inlineSealer, SealPool } from "../../src/seal/pool.ts";
import type { SealRecipe } from "../../src/seal/recipe.ts";
import { seal, type SealedFile } from "../../src/seal/seal.ts";
import { openContent, readRecords } from "../../src/seal/unseal.ts";
import { decodeIdentity } from "../../src/seal/x25519.ts";

const dir = mkdtempSync(join(tmpdir(), "archiver-seal-"));
const { recipient } = await keygen(dir);
const seeds = await loadSeeds(join(dir, "seed"));
const identities = await loadIdentities(join(dir, "identity"));

const recipe = (o: Partial<SealRecipe> = {}): SealRecipe => ({
  archiveId: "a",
  clusterId: "c",
  format: "segment",
  codec: "zstd",
  level: 3,
  recompress: "auto",
  encryption: { recipients: [recipient], keyId: seeds[0]?.keyId ?? "", salt: "00".repeat(16) },
  revision: 0,
  onPoison: "keep",
  withRecordsDigest: false,
  ...o,
});

function cutOf(values: readonly string[], codec: "none" | "lz4" = "none"): Cut {
  const records = values.map((v, i) => ({
    offset: BigInt(i),
    timestamp: BigInt(1_000 + i),
    timestampType: "CreateTime" as const,
    key: i % 3 === 0 ? null : Buffer.from(`k${i}`),
    value: i % 7 === 0 ? Buffer.from([255, i & 255]) : Buffer.from(v),
    headers:
      i % 2 === 0
        ? []
        : [
            { key: Buffer.from("h"), value: null },
            { key: Buffer.from("h"), value: Buffer.alloc(0) },
          ],
  }));
  const bytes = encodeRecordBatch({ baseOffset: 0n, records, codec });
  const blocks: SharedArrayBuffer[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = new SharedArrayBuffer(BLOCK_BYTES);
    new Uint8Array(block).set(bytes.subarray(at, at + BLOCK_BYTES));
    blocks.push(block);
  }
  return {
    topic: "logs",
    topicId: "_",
    partition: 1,
    branch: 0,
    start: 0n,
    end: BigInt(values.length),
    payload: { blocks, length: bytes.length },
    records: BigInt(values.length),
    aborted: 0n,
    control: 0n,
    compacted: 0n,
    holes: [],
    sparse: false,
    firstTimestamp: 1_000n,
    minTimestamp: 1_000n,
    maxTimestamp: 1_000n + BigInt(values.length - 1),
    leaderEpoch: 0,
    skipped: 0n,
    uncompressed: codec === "none",
    reservedBytes: 0,
    reason: "bytes",
    release: () => undefined,
  };
}

const text = Array.from(
  { length: 4_000 },
  (_, i) => `{"n":${i},"text":"${"lorem ipsum ".repeat(i % 90)}"}`,
);
const payloadOf = (c: Cut): Buffer =>
  Buffer.concat(
    c.payload.blocks.map((b) => Buffer.from(b)),
    c.payload.length,
  );

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function opened(f: SealedFile, bytes: Uint8Array = f.bytes): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const p of openContent(f.description, one(bytes), { identities })) parts.push(p);
  return Buffer.concat(parts);
}

/** The foreign way: the age and zstd programs on the stored file. */
function foreign(f: SealedFile): Buffer {
  const path = join(dir, "file");
  writeFileSync(path, f.bytes);
  const plain = execFileSync("age", ["-d", "-i", join(dir, "identity"), path], {
    maxBuffer: 1 << 28,
  });
  return execFileSync("zstd", ["-dc"], { input: plain, maxBuffer: 1 << 28 });
}

describe("a sealed file", () => {
  it("is opened by the age and zstd programs, compressed or stored", () => {
    for (const [values, codec] of [
      [text, "none"],
      [text, "lz4"],
      [["x"], "none"],
    ] as const) {
      const cut = cutOf(values, codec);
      const file = seal(cut, recipe(), seeds);
      expect(foreign(file).equals(payloadOf(cut))).toBe(true);
      expect(file.description.seal.path.endsWith(".log.zst.age")).toBe(true);
    }
  });

  it("keeps the producer's compression and compresses what came plain", () => {
    const stored = seal(cutOf(text, "lz4"), recipe({ encryption: null }), seeds);
    const compressed = seal(cutOf(text, "none"), recipe({ encryption: null }), seeds);
    expect(stored.bytes.length).toBeGreaterThan(stored.description.seal.contentSize);
    expect(compressed.bytes.length).toBeLessThan(compressed.description.seal.contentSize / 3);
    const path = join(dir, "s.zst");
    writeFileSync(path, stored.bytes);
    expect(execFileSync("zstd", ["-t", path], { stdio: "pipe" })).toBeDefined();
  });

  it("has the same bytes for the same plan, and other keys for other content or another salt", () => {
    const a = seal(cutOf(text), recipe(), seeds);
    const b = seal(cutOf(text), recipe(), seeds);
    expect(Buffer.compare(a.bytes, b.bytes)).toBe(0);
    expect(b.description).toEqual(a.description);
    const changed = seal(cutOf([...text.slice(1), "other"]), recipe(), seeds);
    const salted = seal(
      cutOf(text),
      recipe({
        encryption: {
          recipients: [recipient],
          keyId: seeds[0]?.keyId ?? "",
          salt: "11".repeat(16),
        },
      }),
      seeds,
    );
    for (const other of [changed, salted]) {
      let equal = 0;
      for (let i = 400; i < 20_400; i += 1) equal += other.bytes[i] === a.bytes[i] ? 1 : 0;
      expect(equal).toBeLessThan(400);
    }
  });

  it("is the same from the worker threads as inline", async () => {
    const pool = SealPool.open({ threads: 2, seeds });
    const { signal } = new AbortController();
    const jobs = await Promise.all([1, 2, 3].map(() => pool.seal(cutOf(text), recipe(), signal)));
    const inline = await inlineSealer(seeds).seal(cutOf(text), recipe(), signal);
    for (const j of jobs) expect(Buffer.compare(j.bytes, inline.bytes)).toBe(0);
    await expect(
      pool.seal(
        cutOf(text),
        recipe({ encryption: { recipients: [recipient], keyId: "no", salt: "00" } }),
        signal,
      ),
    ).rejects.toMatchObject({ code: "key-invalid" });
    await pool.close();
  });

  it("reads back record by record in both formats", async () => {
    for (const format of ["segment", "ndjson"] as const) {
      const file = seal(cutOf(text, "lz4"), recipe({ format }), seeds);
      const records = [];
      const content = openContent(file.description, one(file.bytes), { identities });
      for await (const group of readRecords(file.description, content)) records.push(...group);
      expect(records).toHaveLength(text.length);
      expect(records[7]?.value).toEqual(Buffer.from([255, 7]));
      expect(records[3]?.key).toBeNull();
      expect(records[1]?.headers).toEqual([
        { key: Buffer.from("h"), value: null },
        { key: Buffer.from("h"), value: Buffer.alloc(0) },
      ]);
    }
  });

  it("refuses every flipped bit, cut and addition", async () => {
    const file = seal(cutOf(text.slice(0, 900)), recipe(), seeds);
    const whole = Buffer.from(file.bytes);
    const forged = (bytes: Buffer): SealedFile => ({ ...file, bytes: Uint8Array.from(bytes) });
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), async (at, bit) => {
        const bad = Buffer.from(whole);
        bad.writeUInt8(bad.readUInt8(at) ^ (1 << bit), at);
        await expect(opened(forged(bad))).rejects.toMatchObject({ name: "ArchiverError" });
      }),
      { numRuns: 60 },
    );
    await expect(opened(forged(whole.subarray(0, -1)))).rejects.toThrow("the description says");
    await expect(opened(forged(Buffer.concat([whole, Buffer.from("x")])))).rejects.toThrow(
      "more than",
    );
  });

  it("names the recipients when no identity is given, and opens with none but the right one", async () => {
    const file = seal(cutOf(text.slice(0, 10)), recipe(), seeds);
    const read = async (keys: readonly Uint8Array[]): Promise<void> => {
      for await (const p of openContent(file.description, one(file.bytes), { identities: keys }))
        void p;
    };
    await expect(read([])).rejects.toThrow(recipient);
    const other = join(dir, "other");
    await keygen(other);
    await expect(read(await loadIdentities(join(other, "identity")))).rejects.toMatchObject({
      code: "identity-needed",
    });
  });
});

describe("key files", () => {
  it("are never overwritten, and their faults are named", async () => {
    await expect(keygen(dir)).rejects.toThrow("never overwritten");
    const path = join(dir, "bad");
    writeFileSync(path, "zz\n");
    await expect(loadSeeds(path)).rejects.toThrow("entry 1");
    await expect(loadIdentities(path)).rejects.toMatchObject({ code: "key-invalid" });
    const line = readFileSync(join(dir, "identity"), "utf8").split("\n")[1] ?? "";
    expect(decodeIdentity(line)).toHaveLength(32);
  });
});
