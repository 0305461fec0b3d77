import { isUtf8 } from "node:buffer";
import { ArchiverError } from "../core/errors.ts";
import { parse } from "../core/json.ts";
import type { ArchivedRecord, RecordHeader } from "../core/record.ts";

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/**
 * One record as one line, newline included. Bytes that are not UTF-8 stand in a field of their own in
 * base64, and the plain field is null; in a header too.
 */
export function recordLine(place: Place, r: ArchivedRecord): string {
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

/** The record of a line without its newline. @throws ArchiverError format-invalid */
export function parseLine(line: Uint8Array, place: Place): ArchivedRecord {
  let value: unknown;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line);
    value = parse(text);
  } catch (cause) {
    throw new ArchiverError("format-invalid", "a line that is no JSON in UTF-8", { cause });
  }
  const record = recordOf(object(value, "a line"));
  // Catches what parsing forgives: another topic or partition, other keys, another spelling of bytes.
  if (recordLine(place, record) === `${text}\n`) return record;
  const where = `${place.topic}/${place.partition}`;
  throw wrong(`the line of offset ${record.offset} is not as a record of ${where} is written`);
}

type Fields = Readonly<Record<string, unknown>>;

function recordOf(line: Fields): ArchivedRecord {
  const { timestampType, headers } = line;
  if (timestampType !== "CreateTime" && timestampType !== "LogAppendTime") {
    throw wrong("a line without timestampType");
  }
  if (!Array.isArray(headers)) throw wrong("a line whose headers are no list");
  return {
    offset: integer(line, "offset"),
    timestamp: integer(line, "timestamp"),
    timestampType,
    key: bytesOf(line, "key"),
    value: bytesOf(line, "value"),
    headers: (headers as readonly unknown[]).map((h) => {
      const header = object(h, "a header");
      const key = bytesOf(header, "key");
      if (key === null) throw wrong("a header without a key");
      return { key, value: bytesOf(header, "value") };
    }),
  };
}

function object(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null) return value as Fields;
  throw wrong(`${what} that is no object`);
}

function integer(line: Fields, name: "offset" | "timestamp"): bigint {
  const value = line[name];
  const n = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof n === "bigint" && BigInt.asIntN(64, n) === n) return n;
  throw wrong(`a line whose ${name} is no integer of 64 bits`);
}

function bytesOf(fields: Fields, name: "key" | "value"): Buffer | null {
  const [plain, base64] = [fields[name], fields[`${name}Base64`]];
  if (typeof plain === "string") return Buffer.from(plain, "utf8");
  if (plain !== null) throw wrong(`a ${name} that is no text`);
  return typeof base64 === "string" ? Buffer.from(base64, "base64") : null;
}

const wrong = (text: string): ArchiverError => new ArchiverError("format-invalid", text);
