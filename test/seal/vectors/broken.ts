import { blake3Hex } from "../../../src/core/digest.ts";
import type { Manifest } from "../../../src/core/description.ts";
import type { ErrorCode } from "../../../src/core/errors.ts";
import { makeManifest } from "../../../src/core/manifest.ts";
import { contentCheck, contentTag, manifestMacKey } from "../../../src/seal/keys.ts";
import type { GoodVector } from "./good.ts";
import { SEED, type VectorKey } from "./keys.ts";

/** A file that no reader may take, or (`code` null) an unusual one that every reader has to take. */
export interface BrokenVector {
  readonly name: string;
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  readonly keys: readonly VectorKey[];
  /** What is wrong, in words. */
  readonly why: string;
  readonly code: ErrorCode | null;
}

export type Change = (bytes: Buffer) => Buffer;

/** Where a value stands in the manifest beside what follows from the bytes. */
export type Over = (m: Manifest) => Manifest;

export interface Case {
  readonly base: string;
  readonly why: string;
  readonly change?: Change;
  readonly over?: Over;
  readonly code?: ErrorCode | null;
}

/** The manifest of the base; `seal.size` and `seal.digest` follow the bytes when `follow`. */
export function brokenFrom(
  good: readonly GoodVector[],
  cases: Readonly<Record<string, Case>>,
  follow: boolean,
): BrokenVector[] {
  return Object.entries(cases).map(([name, c]) => {
    const base = good.find((g) => g.name === c.base);
    if (base === undefined) throw new Error(`${name}: there is no good vector ${c.base}`);
    const bytes = (c.change ?? same)(Buffer.from(base.bytes));
    if (c.change !== undefined && bytes.equals(base.bytes)) throw new Error(`${name}: not broken`);
    const follows: Over = follow ? (m) => sealing(m, bytes) : (m) => m;
    const manifest = resigned((c.over ?? ((m) => m))(follows(base.manifest)));
    const code = c.code === undefined ? "sealed-invalid" : c.code;
    return { name, manifest, bytes, keys: base.keys, why: c.why, code };
  });
}

const same: Change = (bytes) => bytes;

const sealing = (m: Manifest, bytes: Uint8Array): Manifest => ({
  ...m,
  seal: { ...m.seal, size: bytes.length, digest: blake3Hex(bytes) },
});

/** Link and MAC again, so that nothing but the break is wrong. */
function resigned(m: Manifest): Manifest {
  const { link: _link, mac: _mac, prevLink, ...description } = m;
  return makeManifest(description, prevLink, manifestMacKey(SEED.secret));
}

/** Another content, as whoever sealed it would have described it. */
export const contentIs = (m: Manifest, content: Uint8Array, fileKey?: Uint8Array): Manifest => {
  const digest = blake3Hex(content);
  const seal = { ...m.seal, contentSize: content.length };
  if (fileKey === undefined) return { ...m, seal, content: { algorithm: "blake3", digest } };
  const tag = contentTag(fileKey, digest);
  const check = contentCheck(SEED.secret, m.batchId, digest);
  return { ...m, seal, content: { algorithm: "blake3", tag }, contentCheck: check };
};

export const flip =
  (at: number, mask = 1): Change =>
  (bytes) => {
    const i = at < 0 ? bytes.length + at : at;
    bytes.writeUInt8(bytes.readUInt8(i) ^ mask, i);
    return bytes;
  };

export const cut =
  (to: number): Change =>
  (bytes) =>
    bytes.subarray(0, to < 0 ? bytes.length + to : to);

export const grown =
  (by: Uint8Array | string): Change =>
  (bytes) =>
    Buffer.concat([bytes, Buffer.from(by as string)]);

/** Of the file's text up to the end of the age header. */
export const headerLine =
  (edit: (lines: string[]) => string[]): Change =>
  (bytes) => {
    const end = headerEnd(bytes);
    const lines = bytes.subarray(0, end).toString("latin1").split("\n");
    return Buffer.concat([Buffer.from(edit(lines).join("\n"), "latin1"), bytes.subarray(end)]);
  };

/** Where the nonce begins. */
export function headerEnd(bytes: Buffer): number {
  const mac = bytes.indexOf("\n--- ");
  return bytes.indexOf("\n", mac + 1) + 1;
}
