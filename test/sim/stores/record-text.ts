import type { ArchivedRecord } from "../../../src/core/record.ts";

/** A record as the simulated sinks of records keep it; bytes in base64. */
export interface KeptRecord {
  readonly offset: number;
  readonly timestamp: string;
  readonly timestampType: ArchivedRecord["timestampType"];
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

const kept = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString("base64");
const bytesOf = (text: string): Uint8Array => Buffer.from(text, "base64");
const bytesOrNull = (text: string | null): Uint8Array | null =>
  text === null ? null : bytesOf(text);

export const keepRecord = (r: ArchivedRecord): KeptRecord => ({
  ...{ offset: Number(r.offset), timestamp: r.timestamp.toString() },
  ...{ timestampType: r.timestampType, key: kept(r.key), value: kept(r.value) },
  headers: r.headers.map((h) => [kept(h.key) ?? "", kept(h.value)] as const),
});

export const archivedRecord = (r: KeptRecord): ArchivedRecord => ({
  ...{ offset: BigInt(r.offset), timestamp: BigInt(r.timestamp) },
  ...{ timestampType: r.timestampType, key: bytesOrNull(r.key), value: bytesOrNull(r.value) },
  headers: r.headers.map(([key, value]) => ({ key: bytesOf(key), value: bytesOrNull(value) })),
});
