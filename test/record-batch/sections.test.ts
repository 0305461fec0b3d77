import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { compressFrameSync, decompressFrameSync } from "lz4-napi";
import { compressSync } from "snappy";
import { describe, expect, test } from "vitest";
import binding from "zstd-napi/binding.js";
import { compress, decompress } from "../../src/record-batch/codecs.ts";
import { CODECS, type RecordCodec } from "../../src/record-batch/header.ts";
import { xxh32 } from "../../src/record-batch/xxh32.ts";
import { sha256, vector } from "./vectors.ts";

interface Section {
  readonly file: string;
  readonly codec: RecordCodec;
  readonly bytes: number;
  readonly sha256: string;
}

const undecodable = expect.objectContaining({ code: "undecodable-record-batch" }) as Error;
const sections = JSON.parse(vector("sections/index.json").toString("utf8")) as Section[];

describe("what the gzip, lz4 and zstd programs wrote", () => {
  for (const { file, codec, bytes, sha256: want } of sections) {
    const packed = vector(`sections/${file}`);

    test(`${file} unfolds to the same bytes`, () => {
      const out = decompress(codec, packed);
      expect([out.length, sha256(out)]).toEqual([bytes, want]);
    });

    test(`${file} unfolds within exactly its size, and in no byte less`, () => {
      expect(decompress(codec, packed, bytes)).toHaveLength(bytes);
      expect(() => decompress(codec, packed, bytes - 1)).toThrowError(undecodable);
    });

    test(`${file} cut off anywhere, or followed by a byte, is refused`, () => {
      const whole = packed.length;
      const cuts = [0, 1, 5, 7, 15, 100, (whole >> 1) - 3, whole - 9, whole - 4, whole - 1];
      for (const cut of cuts) {
        const piece = packed.subarray(0, cut);
        expect(outcome(codec, piece, want), `${cut} of ${whole} bytes`).toBe("refused");
      }
      for (const tail of [0, 1, 0x1f]) {
        const longer = Buffer.concat([packed, Buffer.from([tail])]);
        expect(outcome(codec, longer, want), `and ${tail}`).toBe("refused");
      }
    });

    test(`${file} in shared memory unfolds as well`, () => {
      const shared = new Uint8Array(new SharedArrayBuffer(packed.length));
      shared.set(packed);
      expect(sha256(decompress(codec, shared))).toBe(want);
    });
  }
});

function outcome(codec: RecordCodec, bytes: Uint8Array, want: string): string {
  try {
    return sha256(decompress(codec, bytes)) === want ? "unfolded" : "wrong bytes";
  } catch (error) {
    return (error as { code?: string }).code === "undecodable-record-batch" ? "refused" : "crashed";
  }
}

describe("our own", () => {
  const text = Buffer.from("a line of a log, and another one\n".repeat(9000));

  for (const codec of CODECS) {
    test(`${codec}: comes back; also empty and tiny`, () => {
      for (const bytes of [text, Buffer.alloc(0), Buffer.from("x")]) {
        expect(Buffer.from(decompress(codec, compress(codec, bytes))).equals(bytes)).toBe(true);
      }
    });
  }

  test("lz4: the frames of large sections are those of the library, block by block", () => {
    const mixed = Buffer.concat([text, randomBytes(400 << 10), text]);
    for (const bytes of [mixed, randomBytes(300 << 10), Buffer.alloc(300 << 10)]) {
      expect(compress("lz4", bytes)).toEqual(compressFrameSync(bytes));
    }
    const blocks = compress("lz4", Buffer.concat(Array<Buffer>(12).fill(mixed)));
    expect(decompressFrameSync(Buffer.from(blocks)).length).toBe(12 * mixed.length);
    expect(decompress("lz4", blocks).length).toBe(12 * mixed.length);
  });

  test("snappy: bare, framed, and framed streams one after the other", () => {
    expect(Buffer.from(decompress("snappy", compressSync(text))).equals(text)).toBe(true);
    const framed = compress("snappy", text);
    const twice = decompress("snappy", Buffer.concat([framed, framed]));
    expect(twice).toHaveLength(2 * text.length);
    const longer = Buffer.concat([framed, Buffer.from([0])]);
    expect(() => decompress("snappy", longer)).toThrowError(undecodable);
    expect(() => decompress("snappy", framed.subarray(0, -1))).toThrowError(undecodable);
  });
});

describe("bombs", () => {
  const zeros = Buffer.alloc(8 << 20);

  test("are refused without the memory they ask for", () => {
    const bombs: [RecordCodec, Uint8Array][] = [
      ["gzip", gzipSync(zeros)],
      ["snappy", compressSync(zeros)],
      ["lz4", compressFrameSync(zeros)],
      ["zstd", compress("zstd", zeros)],
    ];
    for (const [codec, bomb] of bombs) {
      expect(() => decompress(codec, bomb, 1 << 20), codec).toThrowError(undecodable);
    }
  });

  test("tiny frames that do not say their size take no more memory than they hold", () => {
    const tiny = streamed(Buffer.from("x"));
    const many = Buffer.concat(Array<Buffer>(100_000).fill(tiny));
    const before = process.memoryUsage().rss;
    expect(decompress("zstd", many)).toHaveLength(100_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
  });

  test("a reader that never yields to the event loop does not grow by all it has unfolded", () => {
    const bytes = Buffer.from(Array.from({ length: 64 << 10 }, (_, i) => ((i * i) >> 7) & 63));
    const before = process.memoryUsage().rss;
    for (const codec of ["snappy", "lz4", "zstd"] as const) {
      const packed = codec === "snappy" ? compressSync(bytes) : compress(codec, bytes);
      for (let i = 0; i < 6000; i++) expect(decompress(codec, packed).length).toBe(bytes.length);
    }
    // 1,100 MiB were unfolded.
    expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20);
  });

  test("a snappy block that claims 4 GiB is refused by its claim", () => {
    const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    expect(() => decompress("snappy", claim)).toThrowError(/beyond the bound/);
    expect(() => decompress("snappy", Buffer.from([0x80, 0x80, 0x40, 0]))).toThrowError(/too much/);
  });

  test("an lz4 frame that claims more than it holds is refused", () => {
    const head = Buffer.from("04224d186860ffffffffffffff0f00", "hex");
    head[14] = (xxh32(head.subarray(4, 14)) >>> 8) & 0xff;
    const frame = Buffer.concat([head, Buffer.alloc(4)]);
    expect(() => decompress("lz4", frame)).toThrowError(/instead of/);
  });
});

/** One zstd frame without its content size. */
function streamed(bytes: Buffer): Buffer {
  const context = new binding.CCtx();
  context.setParameter(binding.CParameter.contentSizeFlag, 0);
  const out = Buffer.alloc(100 + bytes.length);
  const [left, made] = context.compressStream2(out, bytes, binding.EndDirective.end);
  if (left !== 0) throw new Error("the frame did not fit");
  expect(binding.getFrameContentSize(out.subarray(0, made))).toBeNull();
  return out.subarray(0, made);
}

test("XXH32 gives the published values", () => {
  expect(xxh32(Buffer.from(""))).toBe(0x02cc5d05);
  expect(xxh32(Buffer.from("abc"))).toBe(0x32d153ff);
  expect(xxh32(Buffer.from("Nobody inspects the spammish repetition"))).toBe(0xe2293b2f);
});
