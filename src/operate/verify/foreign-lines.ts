import { isUtf8 } from "node:buffer";
import { ArchiverError } from "../../core/errors.ts";
import { type ForeignRecord, readHeader } from "./foreign-decoder.ts";

/** One line of an ndjson file, read strictly and without the code that writes them. */
export function readLine(
  line: Buffer,
  place: { readonly topic: string; readonly partition: number },
): ForeignRecord {
  const fields = parse(line);
  const { topic, partition, offset, timestamp, timestampType } = fields;
  if (topic !== place.topic || partition !== BigInt(place.partition)) {
    throw damaged(
      `a record of ${String(topic)}/${String(partition)} lies in ${place.topic}/${place.partition}`,
    );
  }
  if (typeof offset !== "bigint" || typeof timestamp !== "bigint")
    throw damaged("no offset or timestamp");
  if (timestampType !== "CreateTime" && timestampType !== "LogAppendTime") {
    throw damaged(`timestampType of offset ${offset} is ${String(timestampType)}`);
  }
  const headers = fields["headers"];
  if (!Array.isArray(headers)) throw damaged(`headers of offset ${offset} are no list`);
  return {
    offset,
    timestamp,
    appendTime: timestampType === "LogAppendTime",
    key: field(fields, "key", offset),
    value: field(fields, "value", offset),
    headers: (headers as readonly unknown[]).flatMap((header) => {
      if (typeof header !== "object" || header === null)
        throw damaged(`a header of ${offset} is no object`);
      const named = header as { readonly [name: string]: unknown };
      const name = field(named, "key", offset);
      if (name === null) throw damaged(`a header of offset ${offset} has no name`);
      return [name, field(named, "value", offset)];
    }),
  };
}

/** What a line that is no record says: offsets [from, to) stand there as a raw record batch. */
export interface RawOffsets {
  readonly from: bigint;
  readonly to: bigint;
}

/** Undefined for a line that is a record. The record batch is checked as far as it can be: its CRC. */
export function readRawLine(line: Buffer): RawOffsets | undefined {
  if (line.indexOf('"recordBatchBase64":') < 0) return undefined;
  const { offset, endOffset, recordBatchBase64: coded, ...more } = parse(line);
  if (typeof coded !== "string" || typeof offset !== "bigint") return undefined;
  const bytes = Buffer.from(coded, "base64");
  if (bytes.toString("base64") !== coded || Object.keys(more).join(" ") !== "topic partition") {
    throw damaged(`the raw line of offset ${offset} is not as it must be`);
  }
  const batch = readHeader(bytes);
  if (batch.baseOffset !== offset || batch.lastOffset + 1n !== endOffset) {
    throw damaged(`the raw line of offset ${offset} holds the record batch of ${batch.baseOffset}`);
  }
  return { from: offset, to: endOffset };
}

/** A string, null, or null beside `<name>Base64` for bytes that are no UTF-8. */
function field(
  object: { readonly [name: string]: unknown },
  name: string,
  offset: bigint,
): Buffer | null {
  const plain = object[name];
  const coded = object[`${name}Base64`];
  if (coded !== undefined) {
    const bytes = typeof coded === "string" ? Buffer.from(coded, "base64") : undefined;
    if (plain !== null || bytes?.toString("base64") !== coded || isUtf8(bytes)) {
      throw damaged(`${name}Base64 of offset ${offset} is not as it must be`);
    }
    return bytes;
  }
  if (plain === null) return null;
  if (typeof plain !== "string") throw damaged(`${name} of offset ${offset} is no string`);
  return Buffer.from(plain, "utf8");
}

function parse(line: Buffer): { readonly [name: string]: unknown } {
  let value: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line);
    value = JSON.parse(text, exact as (key: string, value: unknown) => unknown);
  } catch (cause) {
    throw new ArchiverError("format-invalid", "a line is not JSON in UTF-8", { cause });
  }
  if (typeof value !== "object" || value === null) throw damaged("a line is no object");
  return value as { readonly [name: string]: unknown };
}

const exact = (_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === "number" && context?.source !== undefined ? BigInt(context.source) : value;

const damaged = (text: string): ArchiverError => new ArchiverError("format-invalid", text);
