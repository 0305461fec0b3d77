import { isUtf8 } from "node:buffer";
import { parse } from "../../src/core/json.ts";
import type { ArchivedRecord, RecordHeader } from "../../src/core/record.ts";
import type { Scope } from "../../src/core/scope.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";

/** A date beyond year 9999 or before 1970 is no date to Elasticsearch; the number stays. */
const MAX_DATE_MS = 253_402_300_799_999n;

/** A branch after a truncation has other records under the same offsets. */
export const documentId = (s: Scope, offset: bigint): string => {
  const id = `${s.topicId === "_" ? s.topic : s.topicId}:${s.partition}:${offset}`;
  return s.branch === 0 ? id : `${id}:${s.branch}`;
};

interface Field {
  readonly text: string | null;
  readonly base64?: string;
}

const fieldOf = (bytes: Uint8Array | null): Field => {
  if (bytes === null) return { text: null };
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(b) ? { text: b.toString("utf8") } : { text: null, base64: b.toString("base64") };
};

const headerOf = (h: RecordHeader): object => {
  const [key, value] = [fieldOf(h.key), fieldOf(h.value)];
  return {
    key: key.text,
    value: value.text,
    ...(key.base64 === undefined ? {} : { keyBase64: key.base64 }),
    ...(value.base64 === undefined ? {} : { valueBase64: value.base64 }),
  };
};

/** As a number where that is exact: numbers are written to JSON much faster. */
const written = (n: bigint): number | bigint => {
  const number = Number(n);
  return Number.isSafeInteger(number) ? number : n;
};

/** A record as it is found and searched; everything of it can be read back. */
export function documentOf(s: Scope, r: ArchivedRecord, parseJson: boolean): object {
  const [key, value] = [fieldOf(r.key), fieldOf(r.value)];
  const json = parseJson && value.text !== null ? objectIn(value.text) : undefined;
  const { topic, topicId, partition, branch } = s;
  const [offset, timestamp] = [written(r.offset), written(r.timestamp)];
  return {
    ...(r.timestamp >= 0n && r.timestamp <= MAX_DATE_MS ? { "@timestamp": timestamp } : {}),
    ...{ topic, topicId, partition, branch, offset },
    ...{ timestamp, timestampType: r.timestampType },
    key: key.text,
    ...(key.base64 === undefined ? {} : { keyBase64: key.base64 }),
    value: value.text,
    ...(value.base64 === undefined ? {} : { valueBase64: value.base64 }),
    headers: r.headers.map(headerOf),
    ...(json === undefined ? {} : { json }),
  };
}

/** The record with its bytes in base64: nothing in it can be refused by a mapping. */
export function deadLetterOf(s: Scope, r: ArchivedRecord, batchId: string, why: object): object {
  const { topic, topicId, partition, branch } = s;
  const raw = {
    timestamp: r.timestamp.toString(),
    timestampType: r.timestampType,
    key: base64(r.key),
    value: base64(r.value),
    headers: r.headers.map((h) => ({ key: base64(h.key), value: base64(h.value) })),
  };
  return { ...{ topic, topicId, partition, branch, offset: r.offset }, batchId, ...why, raw };
}

const base64 = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString("base64");

function objectIn(text: string): object | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return parse(text) as object;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

interface StoredField {
  readonly [name: string]: unknown;
}

const bytesIn = (stored: StoredField, name: "key" | "value"): Buffer | null => {
  const base = stored[`${name}Base64`];
  if (typeof base === "string") return Buffer.from(base, "base64");
  const text = stored[name];
  return typeof text === "string" ? Buffer.from(text, "utf8") : null;
};

const integer = (value: unknown): bigint => {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  throw new SinkError("sink-permanent", "a document whose offset or timestamp is no integer");
};

const decimal = (text: unknown): unknown =>
  typeof text === "string" && /^-?\d{1,19}$/.test(text) ? BigInt(text) : text;

function fieldsIn(list: unknown): readonly StoredField[] {
  const items: readonly unknown[] = Array.isArray(list) ? list : [undefined];
  return items.map((item) => {
    if (typeof item === "object" && item !== null) return item as StoredField;
    throw new SinkError("sink-permanent", "a document that is no record as it is written");
  });
}

const typeIn = (value: unknown): ArchivedRecord["timestampType"] =>
  value === "LogAppendTime" ? "LogAppendTime" : "CreateTime";

/** The inverse of `documentOf`. */
export function recordOfDocument(source: StoredField): ArchivedRecord {
  const headers = fieldsIn(source["headers"] ?? []);
  return {
    offset: integer(source["offset"]),
    timestamp: integer(source["timestamp"]),
    timestampType: typeIn(source["timestampType"]),
    key: bytesIn(source, "key"),
    value: bytesIn(source, "value"),
    headers: headers.map((h) => ({
      key: bytesIn(h, "key") ?? Buffer.alloc(0),
      value: bytesIn(h, "value"),
    })),
  };
}

/** The inverse of `deadLetterOf`. */
export function recordOfDeadLetter(source: StoredField): ArchivedRecord {
  const [raw = {}] = fieldsIn([source["raw"]]);
  const bytes = (value: unknown): Buffer | null =>
    typeof value === "string" ? Buffer.from(value, "base64") : null;
  return {
    offset: integer(source["offset"]),
    timestamp: integer(decimal(raw["timestamp"])),
    timestampType: typeIn(raw["timestampType"]),
    key: bytes(raw["key"]),
    value: bytes(raw["value"]),
    headers: fieldsIn(raw["headers"]).map((h) => ({
      key: bytes(h["key"]) ?? Buffer.alloc(0),
      value: bytes(h["value"]),
    })),
  };
}
