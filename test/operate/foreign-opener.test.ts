import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Identity,
  openHeader,
  parseIdentities,
  payloadChunks,
} from "../../src/operate/verify/foreign-age.ts";
import { contentOf } from "../../src/operate/verify/foreign-frames.ts";

/** verify's own readers against files that the `age` and `zstd` programs made. */
describe("opening what age made", () => {
  let dir: string;
  let own: Identity;
  let other: Identity;
  const keyFile = (name: string): readonly Identity[] => {
    const file = path.join(dir, name);
    execFileSync("age-keygen", ["-o", file], { stdio: "pipe" });
    return parseIdentities(readFileSync(file, "utf8"));
  };
  const open = (file: Buffer, ids: readonly Identity[] = [own]): Buffer | undefined => {
    const age = openHeader(file, ids);
    return age === undefined ? undefined : Buffer.concat([...payloadChunks(age)]);
  };
  const seal = (input: Buffer, to: readonly Identity[] = [own]): Buffer =>
    execFileSync(
      "age",
      to.flatMap(({ recipient }) => ["-r", recipient]),
      { input, maxBuffer: 1 << 28 },
    );

  beforeAll(() => {
    dir = mkdtempSync(path.join(tmpdir(), "age-"));
    [own] = keyFile("own") as [Identity];
    [other] = keyFile("other") as [Identity];
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it("names the recipient as age-keygen does", () => {
    const shown = execFileSync("age-keygen", ["-y", path.join(dir, "own")], { encoding: "utf8" });
    expect(own.recipient).toBe(shown.trim());
    expect(() => parseIdentities("# only a remark\n")).toThrow("holds no AGE-SECRET-KEY-1");
    expect(() => parseIdentities("AGE-SECRET-KEY-1QQQQ\n", "my.txt")).toThrow(
      "a line of identity file my.txt is no AGE-SECRET-KEY-1",
    );
  });

  it.each([0, 1, 65_535, 65_536, 65_537, 131_072, 300_000])("opens %i bytes", (size) => {
    const plain = Buffer.alloc(size, "content ");
    expect(open(seal(plain))?.equals(plain)).toBe(true);
  });

  it("opens for any of several recipients, and says when it is for none", () => {
    const plain = Buffer.from("for two");
    expect(open(seal(plain, [other, own]), [own])).toEqual(plain);
    expect(open(seal(plain, [other]), [own, other])).toEqual(plain);
    expect(open(seal(plain, [other]), [own])).toBeUndefined();
  });

  it("refuses every flipped bit, every truncation and anything added", () => {
    const file = seal(Buffer.from("short"));
    for (let i = 0; i < file.length; i++) {
      const bad = Buffer.from(file);
      bad[i] = (bad[i] ?? 0) ^ 1;
      // A stanza that no longer fits is one for somebody else: not opened either.
      expect(
        refused(() => open(bad)),
        `byte ${i}`,
      ).toBe(true);
      expect(
        refused(() => open(file.subarray(0, i))),
        `cut at ${i}`,
      ).toBe(true);
    }
    expect(refused(() => open(Buffer.concat([file, Buffer.from([0])])))).toBe(true);
    const two = seal(Buffer.alloc(65_536 * 2, 1));
    expect(refused(() => open(two.subarray(0, -(65_536 + 16))))).toBe(true);
  });
});

/** True when nothing came out, or an error of ours did. */
function refused(work: () => Buffer | undefined): boolean {
  try {
    return work() === undefined;
  } catch (error) {
    return (error as { code?: string }).code === "sealed-invalid";
  }
}

describe("frames", () => {
  const read = (codec: "zstd" | "gzip" | "none", stored: Buffer, most = 1 << 20): Buffer =>
    Buffer.concat([...contentOf(codec, stored, most)]);
  const zstd = (input: string): Buffer => execFileSync("zstd", ["-qc", "--check"], { input });
  /** The frames of these texts, and the table that belongs to them. */
  const file = (...texts: readonly string[]): Buffer => {
    const frames = texts.map(zstd);
    const table = Buffer.alloc(8 + 8 * frames.length + 9);
    table.writeUInt32LE(0x184d2a5e, 0);
    table.writeUInt32LE(table.length - 8, 4);
    for (const [i, frame] of frames.entries()) {
      table.writeUInt32LE(frame.length, 8 + 8 * i);
      table.writeUInt32LE(texts[i]?.length ?? 0, 12 + 8 * i);
    }
    table.writeUInt32LE(frames.length, table.length - 9);
    table.writeUInt32LE(0x8f92eab1, table.length - 4);
    return Buffer.concat([...frames, table]);
  };

  it("reads all frames, and holds them against their table", () => {
    expect(read("zstd", file("one ", "", "two")).toString()).toBe("one two");
    expect(read("gzip", Buffer.concat([gzipSync("one "), gzipSync("two")])).toString()).toBe(
      "one two",
    );
    expect(read("none", Buffer.from("as it is")).toString()).toBe("as it is");
  });

  it("refuses damage, a cut, other bytes behind, and unfolding without end", () => {
    const text = "some content, some content, some content";
    const good = file(text);
    const frame = zstd(text);
    const flipped = (at: number): Buffer => {
      const bytes = Buffer.from(good);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      return bytes;
    };
    for (const stored of [
      frame,
      frame.subarray(0, -1),
      good.subarray(0, -1),
      good.subarray(frame.length),
      Buffer.concat([frame, good]),
      Buffer.concat([good, Buffer.from("x")]),
    ]) {
      expect(() => read("zstd", stored)).toThrow(
        expect.objectContaining({ code: "sealed-invalid" }),
      );
    }
    // A frame's header has a bit that decoders pass over; no other content comes of any.
    for (const at of good.keys()) {
      let got = text;
      try {
        got = read("zstd", flipped(at)).toString();
      } catch (error) {
        expect(error).toMatchObject({ code: "sealed-invalid" });
      }
      expect(got).toBe(text);
    }
    expect(() => read("zstd", good, 39)).toThrow(
      expect.objectContaining({ code: "sealed-invalid" }),
    );
    expect(read("zstd", good, 40).length).toBe(40);
    const gzip = gzipSync("content");
    for (const stored of [gzip.subarray(0, -1), Buffer.concat([gzip, Buffer.from("xyz")])]) {
      expect(() => read("gzip", stored)).toThrow(
        expect.objectContaining({ code: "sealed-invalid" }),
      );
    }
  });
});
