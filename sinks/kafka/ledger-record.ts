import { z } from "zod";
import { checked } from "../../src/core/checked.ts";
import { parse, stringify } from "../../src/core/json.ts";
import { batchId, type BatchKey, type Scope } from "../../src/core/scope.ts";

/**
 * What the ledger topic holds, one record a batch, keyed by batch id; the newest of a key counts, so
 * the topic can be compacted. Key `archive` holds the identity.
 */
export const ARCHIVE_KEY = "archive";

const PREFIX = "batch/";

const big = z.union([z.bigint(), z.int().transform((n) => BigInt(n))]).refine((n) => n >= 0n);

const copied = z.strictObject({
  topic: z.string().min(1).max(249),
  partition: z.int().min(0),
  /** Offsets of the target's log that hold the copied records, other producers' may lie between. */
  from: big,
  /** Exclusive. */
  to: big,
  producerId: big,
  producerEpoch: z.int().min(0),
  records: big,
  /** Not copied, because they had been in the target cluster before. */
  filtered: big,
  /** Over the copied records as they were in the source (docs/format.md, recordsDigest). */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Whether the records carry their lineage, and with it their offset, in headers. */
  lineage: z.boolean(),
  timestampType: z.enum(["CreateTime", "LogAppendTime"]),
  /** Source offsets in runs: `gap+length` from the batch's start on; without lineage only. */
  runs: z.string().optional(),
});

const entrySchema = z.strictObject({
  version: z.literal(1),
  is: z.enum(["data", "whole"]),
  end: big,
  size: z.int().min(0),
  format: z.enum(["segment", "ndjson"]),
  codec: z.enum(["none", "zstd", "gzip"]),
  encrypted: z.boolean(),
  /** The description (data) or manifest (whole) in its canonical text. */
  text: z.string(),
  copied,
});

export type LedgerEntry = z.output<typeof entrySchema>;
export type Copied = LedgerEntry["copied"];

export const keyText = (key: BatchKey): string => `${PREFIX}${batchId(key)}`;

/** Undefined for a key of another kind. */
export function parseKey(text: string): BatchKey | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const parts = text.slice(PREFIX.length).split("/");
  const [topic = "", topicId = "", partition = "", branch = "", start = ""] = parts;
  const numbers = [partition, branch, start].every((n) => /^\d{1,19}$/.test(n));
  if (parts.length !== 5 || !numbers) return undefined;
  const scope: Scope = {
    topic,
    topicId,
    partition: Number(partition),
    branch: Number(branch),
  };
  return { ...scope, start: BigInt(start) };
}

export const encodeEntry = (entry: LedgerEntry): Buffer => Buffer.from(stringify(entry), "utf8");

/** Undefined for what no ledger entry is. */
export function parseEntry(value: Uint8Array): LedgerEntry | undefined {
  let json: unknown;
  try {
    json = parse(Buffer.from(value).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return checked(entrySchema, json).data;
}
