import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Manifest } from "../../src/core/description.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import {
  type Identity,
  openHeader,
  parseIdentities,
  payloadChunks,
} from "../../src/operate/verify/foreign-age.ts";
import { contentOf } from "../../src/operate/verify/foreign-frames.ts";
import { openAge } from "../../src/seal/age-read.ts";
import { decodeIdentity } from "../../src/seal/x25519.ts";
import { openContent } from "../../src/seal/unseal.ts";
import { unframed } from "../../src/seal/zstd.ts";
import type { GoodEntry } from "../seal/vectors/files.ts";
import { attempt, attemptAsync, mutated, mutations, runs } from "./mutation.ts";

/** Whatever is done to a stored file, a reader gives its content or an error of ours. */
const root = new URL("../vectors/sealed/", import.meta.url);
const file = (path: string): Buffer => readFileSync(fileURLToPath(new URL(path, root)));
const good = JSON.parse(file("good.json").toString()) as readonly GoodEntry[];
const MAX_FILE_BYTES = 200_000;

const texts = ["identity-1", "identity-2"].map((name) => file(name).toString());
const raw = texts.map((t) => decodeIdentity(/AGE-SECRET-KEY-\w+/.exec(t)?.[0] ?? ""));
const foreign: readonly Identity[] = texts.flatMap((t) => parseIdentities(t));

interface Sample extends GoodEntry {
  readonly m: Manifest;
  readonly bytes: Buffer;
}

const samples = good
  .map((g): Sample => ({ ...g, m: parseManifest(file(g.manifest)), bytes: file(g.data) }))
  .filter((s) => s.bytes.length <= MAX_FILE_BYTES);
const encrypted = samples.filter((s) => s.m.seal.encryption === "age");
const framed = samples.filter((s) => s.m.seal.encryption === "none" && s.m.seal.codec === "zstd");
const gzipped = samples.filter((s) => s.m.seal.encryption === "none" && s.m.seal.codec === "gzip");

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** So that whoever reads it comes further than the digest of the stored file. */
const following = (m: Manifest, bytes: Buffer): Manifest => ({
  ...m,
  seal: { ...m.seal, size: bytes.length, digest: blake3Hex(bytes) },
});

const piece = fc.integer({ min: 1, max: 70_000 });

test("a whole file: its content, or an error", async () => {
  let same = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...samples), mutations, piece, async (s, list, size) => {
      const bytes = mutated(s.bytes, list);
      const content = openContent(following(s.m, bytes), inPieces(bytes, size), {
        identities: raw,
      });
      const got = await attemptAsync(() => all(content));
      if (got === undefined) return;
      same += 1;
      expect(blake3Hex(got)).toBe(s.content);
    }),
    runs(600),
  );
  // Most changes are noticed; the few that are not were undone, or change what no reader looks at.
  expect(same).toBeLessThan(runs(600).numRuns / 6);
});

describe("age", () => {
  test("both readers: the payload that was encrypted, or an error; and the same of both", async () => {
    const plain = new Map<string, string>();
    for (const s of encrypted) {
      const { plain: chunks } = await openAge(inPieces(s.bytes, 1 << 16), raw);
      plain.set(s.name, blake3Hex(await all(chunks)));
    }
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...encrypted), mutations, piece, async (s, list, size) => {
        const bytes = mutated(s.bytes, list);
        const ours = await attemptAsync(async () =>
          all((await openAge(inPieces(bytes, size), raw)).plain),
        );
        const theirs = attempt(() => {
          const opened = openHeader(bytes, foreign);
          return opened === undefined ? undefined : Buffer.concat([...payloadChunks(opened)]);
        });
        for (const got of [ours, theirs]) {
          if (got !== undefined) expect(blake3Hex(got)).toBe(plain.get(s.name));
        }
        expect(theirs !== undefined).toBe(ours !== undefined);
      }),
      runs(600),
    );
  });

  test("any bytes after the version line", async () => {
    const line = fc.constantFrom(
      "-> X25519 ",
      "-> ",
      "--- ",
      "\n",
      "A".repeat(43),
      "A".repeat(64),
      " ",
    );
    const header = fc.array(fc.oneof(line, fc.string({ unit: "binary", maxLength: 8 })), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(header, async (parts) => {
        const bytes = Buffer.from(`age-encryption.org/v1\n${parts.join("")}`, "latin1");
        const ours = await attemptAsync(async () =>
          all((await openAge(inPieces(bytes, 64), raw)).plain),
        );
        const theirs = attempt(() => openHeader(bytes, foreign));
        expect([ours, theirs]).toEqual([undefined, undefined]);
      }),
      runs(300),
    );
  });
});

describe("zstd frames and gzip", () => {
  const most = 4 << 20;

  test("both readers end within the bound, or with an error", () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...framed), mutations, (s, list) => {
        const bytes = mutated(s.bytes, list);
        const ours = attempt(() => Buffer.concat([...unframed(bytes, most)]));
        const theirs = attempt(() => Buffer.concat([...contentOf("zstd", bytes, most)]));
        if (ours === undefined) refused += 1;
        else expect(ours.length).toBeLessThanOrEqual(most);
        // Stored frames have no checksum: what both take, both take for the same.
        if (ours !== undefined && theirs !== undefined) expect(ours.equals(theirs)).toBe(true);
      }),
      runs(800),
    );
    expect(refused).toBeGreaterThan(runs(800).numRuns / 2);
  });

  test("gzip: the content, or an error", () => {
    fc.assert(
      fc.property(fc.constantFrom(...gzipped), mutations, (s, list) => {
        const bytes = mutated(s.bytes, list);
        const { contentSize } = s.m.seal;
        const got = attempt(() => Buffer.concat([...contentOf("gzip", bytes, contentSize)]));
        if (got !== undefined) expect(blake3Hex(got)).toBe(s.content);
      }),
      runs(500),
    );
  });

  test("any bytes after a frame's magic number", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        const bytes = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), tail]);
        expect(attempt(() => [...unframed(bytes, most)])).toBeUndefined();
        expect(attempt(() => [...contentOf("zstd", bytes, most)])).toBeUndefined();
      }),
      runs(1_000),
    );
  });
});

test("identities: any text is a key or an error that does not repeat it", () => {
  const secret = texts[0] ?? "";
  fc.assert(
    fc.property(mutations, (list) => {
      const text = mutated(Buffer.from(secret), list, secret.indexOf("AGE-")).toString("latin1");
      try {
        decodeIdentity(text.split("\n").at(-2) ?? "");
        parseIdentities(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ArchiverError);
        expect((error as ArchiverError).message).not.toContain(secret.slice(-40, -10));
      }
    }),
    runs(300),
  );
});
