import { z } from "zod";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { parse } from "../../core/json.ts";
import { offsetName } from "../../core/layout.ts";
import { MAX_MANIFEST_BYTES } from "../../core/manifest-schema.ts";
import { scopeText, type Scope } from "../../core/scope.ts";
import { compressed, unframed } from "../../seal/zstd.ts";

const LEVEL = 3;
const FRAME_BYTES = 1 << 20;
/** A manifest with very many holes is large; this many of them are refused, not held. */
const MAX_CONTENT_BYTES = 256 << 20;
const LINE_FEED = 10;
const MAX_OFFSET = 2n ** 63n - 1n;

/** Where everything lies that is derived from the batches of a partition and can be made anew. */
export const indexFolder = (scope: Scope): string => `index/${scopeText(scope)}`;

/** What a roll-up's name says: enough to pass it over without reading it. */
export interface RollUpName {
  readonly path: string;
  readonly start: bigint;
  readonly end: bigint;
  /** Of all its records; null: none has one. */
  readonly minTimestamp: bigint | null;
  readonly maxTimestamp: bigint | null;
  /** Made anew this often; the greatest counts. */
  readonly edition: number;
}

const NAME = /^(\d{20})-(\d{20})\.(n|m?\d{1,19})-(n|m?\d{1,19})\.(\d{1,6})\.ndjson\.zst$/;

/** A minus in a name would be read as the dash. */
const timeName = (time: bigint | null): string =>
  time === null ? "n" : time < 0n ? `m${-time}` : String(time);

function timeOf(name: string): bigint | null {
  if (name === "n") return null;
  return name.startsWith("m") ? -BigInt(name.slice(1)) : BigInt(name);
}

export function rollUpPath(scope: Scope, of: Omit<RollUpName, "path">): string {
  const range = `${offsetName(of.start)}-${offsetName(of.end)}`;
  const times = `${timeName(of.minTimestamp)}-${timeName(of.maxTimestamp)}`;
  return `${indexFolder(scope)}/${range}.${times}.${of.edition}.ndjson.zst`;
}

/** Undefined for a name of another kind, and for one of no range. */
export function parseRollUpPath(path: string): RollUpName | undefined {
  const found = NAME.exec(path.slice(path.lastIndexOf("/") + 1));
  if (found === null) return undefined;
  const [, from = "", to = "", min = "", max = "", edition = ""] = found;
  const [start, end] = [BigInt(from), BigInt(to)];
  if (start >= end || end > MAX_OFFSET) return undefined;
  const times = { minTimestamp: timeOf(min), maxTimestamp: timeOf(max) };
  return { path, start, end, ...times, edition: Number(edition) };
}

export function nameOf(manifests: readonly Manifest[], edition: number): Omit<RollUpName, "path"> {
  const [first, last] = [manifests[0], manifests.at(-1)];
  if (first === undefined || last === undefined) {
    throw new ArchiverError("assertion-failed", "a roll-up has batches");
  }
  let minTimestamp: bigint | null = null;
  let maxTimestamp: bigint | null = null;
  for (const m of manifests) {
    minTimestamp = outermost(minTimestamp, m.minTimestamp, (a, b) => a < b);
    maxTimestamp = outermost(maxTimestamp, m.maxTimestamp, (a, b) => a > b);
  }
  return {
    ...{ start: first.start, end: last.end, edition },
    ...{ minTimestamp, maxTimestamp },
  };
}

/** Null: there is no time. */
export function outermost(
  a: bigint | null,
  b: bigint | null,
  before: (x: bigint, y: bigint) => boolean,
): bigint | null {
  if (a === null || b === null) return a ?? b;
  return before(a, b) ? a : b;
}

/** The manifests as they are stored, one after another: each is a line. */
export function encodeRollUp(manifests: readonly Uint8Array[]): Buffer {
  const lines = Buffer.concat(manifests);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < lines.length; at += FRAME_BYTES)
    pieces.push(lines.subarray(at, at + FRAME_BYTES));
  return Buffer.concat(compressed(pieces, LEVEL));
}

/** The stored manifests again, newline included; a frame at a time. @throws ArchiverError sealed-invalid */
export function* rollUpLines(file: Uint8Array): Generator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for (const piece of unframed(file, MAX_CONTENT_BYTES)) {
    held = Buffer.concat([held, piece]);
    let from = 0;
    for (let end = held.indexOf(LINE_FEED); end >= 0; end = held.indexOf(LINE_FEED, from)) {
      yield held.subarray(from, end + 1);
      from = end + 1;
    }
    held = held.subarray(from);
    if (held.length > MAX_MANIFEST_BYTES)
      throw new ArchiverError("sealed-invalid", "a roll-up with a line longer than any manifest");
  }
  if (held.length > 0)
    throw new ArchiverError("sealed-invalid", "a roll-up whose last line has no end");
}

const big = z.union([z.bigint(), z.int().transform((n) => BigInt(n))]);

/** What look-ups need of a line; nothing is proven by it, so the rest is not looked at. */
const lineSchema = z.object({
  start: big,
  end: big,
  records: big,
  minTimestamp: big.nullable(),
  maxTimestamp: big.nullable(),
  seal: z.object({ path: z.string(), size: z.int() }),
});

export type IndexedBatch = z.output<typeof lineSchema>;

/** @throws ArchiverError format-invalid */
export function parseLine(line: Uint8Array): IndexedBatch {
  try {
    return lineSchema.parse(parse(Buffer.from(line).toString("utf8")));
  } catch (cause) {
    throw new ArchiverError("format-invalid", "a line of a roll-up is no manifest", { cause });
  }
}
