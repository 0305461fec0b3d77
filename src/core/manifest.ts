import { createHmac, timingSafeEqual } from "node:crypto";
import type { z } from "zod";
import { assert } from "./assert.ts";
import { nextLink } from "./chain.ts";
import { checked } from "./checked.ts";
import type { ContentMark, Description, Manifest, SealInfo } from "./description.ts";
import { ArchiverError } from "./errors.ts";
import { beyondBounds, MANIFEST_BOUNDS } from "./json-shape.ts";
import { parse, stringify } from "./json.ts";
import { inconsistency } from "./manifest-check.ts";
import { descriptionSchema, manifestSchema, MAX_MANIFEST_BYTES } from "./manifest-schema.ts";
import type { Signer } from "./signature.ts";

const HEAD = [
  ...(["version", "archiveId", "clusterId", "topic", "topicId", "partition", "branch"] as const),
  ...(["start", "end", "batchId", "revision", "leaderEpoch"] as const),
  ...(["records", "aborted", "control", "compacted", "filtered", "deadLettered"] as const),
] satisfies readonly (keyof Description)[];

const SEAL = [
  ...(["path", "size", "digest", "digestAlgorithm", "codec", "contentSize"] as const),
  ...(["encryption", "keyId", "recipients"] as const),
] satisfies readonly (keyof SealInfo)[];

/**
 * Descriptions and manifests as text. There is exactly one text for a value: the keys in one order,
 * no spaces, integers as literals, one newline at the end. So equal values are equal bytes in
 * every sink, and reading refuses any other spelling.
 */
export function encodeDescription(d: Description): string {
  const wrong = inconsistency(d);
  assert(wrong === undefined, `${wrong?.field} of description ${d.batchId}: ${wrong?.text}`);
  return `${stringify(descriptionFields(d))}\n`;
}

export function encodeManifest(m: Manifest): string {
  const wrong = manifestInconsistency(m);
  assert(wrong === undefined, `${wrong?.field} of manifest ${m.batchId}: ${wrong?.text}`);
  return manifestText(m);
}

/** @throws ArchiverError `manifest-invalid`, which names the field. */
export function parseDescription(bytes: Uint8Array): Description {
  const d = read(descriptionSchema, bytes, "description");
  refuse(inconsistency(d), "description");
  canonical(encodeDescription(d), bytes, "description");
  return d;
}

/**
 * Checks form, consistency and that `link` follows from `prevLink`; the MAC is `macOk`'s, and that
 * `prevLink` is the link of the batch before is the caller's.
 * @throws ArchiverError `manifest-invalid`, which names the field.
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  const m = read(manifestSchema, bytes, "manifest");
  refuse(manifestInconsistency(m), "manifest");
  canonical(manifestText(m), bytes, "manifest");
  return m;
}

/** The description's place in the chain, signed and with a MAC where there are keys for it. */
export function makeManifest(
  d: Description,
  prevLink: string,
  macKey?: Uint8Array,
  signer?: Signer,
): Manifest {
  const plain: Manifest = { ...d, prevLink, link: nextLink(prevLink, d) };
  const signed =
    signer === undefined
      ? plain
      : { ...plain, signature: signer.sign("manifest", manifestText(plain)) };
  return macKey === undefined ? signed : withMac(signed, macKey);
}

/** HMAC-SHA-256 over the canonical text without `mac`. */
const withMac = (manifest: Manifest, macKey: Uint8Array): Manifest => ({
  ...manifest,
  mac: macOf(manifest, macKey).toString("hex"),
});

/** False also when there is no MAC. */
export function macOk(manifest: Manifest, macKey: Uint8Array): boolean {
  if (manifest.mac === undefined) return false;
  const seen = Buffer.from(manifest.mac, "hex");
  const expected = macOf(manifest, macKey);
  return seen.length === expected.length && timingSafeEqual(seen, expected);
}

/** The description inside a manifest, without its place in the chain. */
export function descriptionOf(manifest: Manifest): Description {
  const { prevLink: _prevLink, link: _link, signature: _signature, ...rest } = manifest;
  const { mac: _mac, ...description } = rest;
  return description;
}

function macOf(manifest: Manifest, macKey: Uint8Array): Buffer {
  const { mac: _mac, ...unsigned } = manifest;
  return createHmac("sha256", macKey).update(manifestText(unsigned)).digest();
}

function manifestText(m: Manifest): string {
  const { prevLink, link, mac } = m;
  const signature =
    m.signature === undefined ? undefined : ordered(m.signature, ["algorithm", "keyId", "value"]);
  return `${stringify({ ...descriptionFields(m), prevLink, link, signature, mac })}\n`;
}

/** In the order of the format; what is undefined is left out by JSON itself. */
function descriptionFields(d: Description): object {
  return {
    ...ordered(d, HEAD),
    holes: d.holes.map((hole) => ordered(hole, ["from", "to", "reason", "offsets", "text"])),
    ...ordered(d, ["minTimestamp", "maxTimestamp", "format"]),
    content: { algorithm: d.content.algorithm, ...mark(d.content) },
    ...ordered(d, ["contentCheck", "recordsDigest"]),
    seal: ordered(d.seal, SEAL),
  };
}

function ordered<T extends object>(value: T, keys: readonly (keyof T)[]): object {
  return Object.fromEntries(keys.map((key) => [key, value[key]]));
}

const mark = (content: ContentMark): object =>
  "digest" in content ? { digest: content.digest } : { tag: content.tag };

function manifestInconsistency(m: Manifest): { field: string; text: string } | undefined {
  const wrong = inconsistency(m);
  if (wrong !== undefined) return wrong;
  const link = nextLink(m.prevLink, m);
  if (m.link === link) return undefined;
  return { field: "link", text: `expected ${link} after prevLink ${m.prevLink}` };
}

function read<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  if (bytes.length > MAX_MANIFEST_BYTES) {
    throw invalid(what, "", `${bytes.length} bytes, at most ${MAX_MANIFEST_BYTES} are allowed`);
  }
  const beyond = beyondBounds(bytes, MANIFEST_BOUNDS);
  if (beyond !== undefined) throw invalid(what, "", beyond);
  let value: unknown;
  try {
    value = parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw invalid(what, "", "is not JSON in UTF-8", cause);
  }
  const result = checked(schema, value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw invalid(what, issue?.path.join(".") ?? "", issue?.message ?? "is refused");
}

function refuse(wrong: { field: string; text: string } | undefined, what: string): void {
  if (wrong !== undefined) throw invalid(what, wrong.field, wrong.text);
}

/** Catches what parsing forgives: repeated keys, other spellings of a number, another order. */
function canonical(text: string, bytes: Uint8Array, what: string): void {
  if (Buffer.compare(Buffer.from(text, "utf8"), bytes) !== 0) {
    throw invalid(what, "", "is not in its canonical form");
  }
}

const invalid = (what: string, field: string, text: string, cause?: unknown): ArchiverError =>
  new ArchiverError(
    "manifest-invalid",
    field === "" ? `${what}: ${text}` : `${what}, field ${field}: ${text}`,
    { cause },
  );
