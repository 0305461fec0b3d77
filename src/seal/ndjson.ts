import { isUtf8 } from "node:buffer";
import { ArchiverError } from "../core/errors.ts";
import { parse } from "../core/json.ts";
import type { ArchivedRecord, RecordHeader } from "../core/record.ts";

/**
 * One record as one line, newline included. Bytes that are not UTF-8 stand in a field of their own in
 * base64, and the plain field is null; in a header too.
 */
export function recordLine(place: { topic: string; partition: number }, r: ArchivedRecord): string {
  const { topic, partition } = place;
  return (
    `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${r.offset},` +
    `"timestamp":${r.timestamp},"timestampType":"${r.timestampType}",` +
    `${field("key", r.key)},${field("value", r.value)},"headers":[${r.headers.map(header).join(",")}]}\n`
  );
}

const header = (h: RecordHeader): string => `{${field("key", h.key)},${field("value", h.value)}}`;

function field(name: "key" | "value", bytes: Uint8Array | null): string {
  if (bytes === null) return `"${name}":null`;
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(b)) return `"${name}":${JSON.stringify(b.toString("utf8"))}`;
  return `"${name}":null,"${name}Base64":"${b.toString("base64")}"`;
}

interface Line {
  offset: number | bigint;
  timestamp: number | bigint;
  timestampType: "CreateTime" | "LogAppendTime";
  key: string | null;
  keyBase64?: string;
  value: string | null;
  valueBase64?: string;
  headers: { key: string | null; keyBase64?: string; value: string | null; valueBase64?: string }[];
}

/** The record of a line. @throws ArchiverError format-invalid */
export function parseLine(text: string): ArchivedRecord {
  let line: Line;
  try {
    line = parse(text) as Line;
  } catch (cause) {
    throw new ArchiverError("format-invalid", "a line that is no JSON", { cause });
  }
  const { timestampType } = line;
  if (
    !Array.isArray(line.headers) ||
    (timestampType !== "CreateTime" && timestampType !== "LogAppendTime")
  ) {
    throw new ArchiverError("format-invalid", "a line that is no record");
  }
  return {
    offset: integer(line.offset),
    timestamp: integer(line.timestamp),
    timestampType,
    key: bytesOf(line.key, line.keyBase64),
    value: bytesOf(line.value, line.valueBase64),
    headers: line.headers.map((h) => ({
      key: bytesOf(h.key, h.keyBase64) ?? Buffer.alloc(0),
      value: bytesOf(h.value, h.valueBase64),
    })),
  };
}

function integer(n: unknown): bigint {
  if (typeof n === "bigint") return n;
  if (typeof n === "number" && Number.isSafeInteger(n)) return BigInt(n);
  throw new ArchiverError("format-invalid", "a line whose offset or timestamp is no integer");
}

function bytesOf(plain: unknown, base64: unknown): Buffer | null {
  if (typeof plain === "string") return Buffer.from(plain, "utf8");
  if (plain !== null)
    throw new ArchiverError("format-invalid", "a line with a field that is no text");
  return typeof base64 === "string" ? Buffer.from(base64, "base64") : null;
}
