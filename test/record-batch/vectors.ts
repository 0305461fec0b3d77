import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { verifyCrc } from "../../src/record-batch/crc.ts";
import { decodeRecords } from "../../src/record-batch/records.ts";
import { segmentBatches } from "../../src/record-batch/header.ts";

/** Made by real programs; test/vectors/record-batch/make.sh and make-foreign.py say how. */
const FOLDER = new URL("../vectors/record-batch/", import.meta.url);

export const vector = (name: string): Buffer => readFileSync(new URL(name, FOLDER));

export const vectorNames = (suffix: string, folder = ""): string[] =>
  readdirSync(new URL(folder, FOLDER))
    .filter((name) => name.endsWith(suffix))
    .toSorted();

/** A record as VectorMaker.java lists it. */
export interface Line {
  readonly offset: number;
  readonly timestamp: number;
  readonly timestampType: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

export const expected = (name: string): Line[] =>
  vector(name)
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);

export const line = (r: ArchivedRecord): Line => ({
  offset: Number(r.offset),
  timestamp: Number(r.timestamp),
  timestampType: r.timestampType,
  key: bytes(r.key),
  value: bytes(r.value),
  headers: r.headers.map((h) => [bytes(h.key) ?? "no header key", bytes(h.value)] as const),
});

function bytes(data: Uint8Array | null): string | null {
  if (data === null) return null;
  if (data.length <= 60) return Buffer.from(data).toString("base64");
  return `sha256:${sha256(data)}`;
}

export const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** Every record of a segment file, markers left out, CRCs checked. */
export function recordsOf(segment: Uint8Array): ArchivedRecord[] {
  const all: ArchivedRecord[] = [];
  for (const { header, bytes: batch } of segmentBatches(segment)) {
    if (!verifyCrc(batch)) throw new Error(`the CRC at ${header.baseOffset} is wrong`);
    if (!header.control) all.push(...decodeRecords(batch));
  }
  return all;
}
