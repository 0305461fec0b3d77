import { ArchiverError } from "../../core/errors.ts";
import type { Format } from "../../core/description.ts";
import type { ForeignRecord } from "./foreign-decoder.ts";
import { batchLength, readHeader, readRecords } from "./foreign-decoder.ts";
import { readLine, readRawLine } from "./foreign-lines.ts";

/** A line is one record, and a record is no larger than what Kafka takes. */
const MAX_LINE_BYTES = 1 << 30;

/** Records of an opened file, in its order; one record batch or line in memory at a time. */
export async function* contentRecords(
  format: Format,
  content: AsyncIterable<Uint8Array>,
  place: { readonly topic: string; readonly partition: number },
): AsyncGenerator<ForeignRecord> {
  if (format === "segment") {
    for await (const bytes of framed(content, batchLength, "a record batch")) {
      const batch = readHeader(bytes);
      if (batch.control) {
        throw damaged(`the control batch at offset ${batch.baseOffset} does not belong here`);
      }
      yield* readRecords(batch);
    }
  } else {
    for await (const line of framed(content, lineLength(), "a line")) {
      // The offsets of a raw line are a hole of the manifest: what accounts for offsets finds them so.
      if (readRawLine(line) === undefined) yield readLine(line, place);
    }
  }
}

/** Cuts a stream of pieces into units whose length their head tells. */
async function* framed(
  content: AsyncIterable<Uint8Array>,
  lengthOf: (head: Buffer) => number | undefined,
  unit: string,
): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let needed = 0;
  for await (const piece of content) {
    if (piece.length === 0) continue;
    waiting.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
    waitingBytes += piece.length;
    if (waitingBytes < needed) continue;
    let bytes = waiting.length === 1 ? (waiting[0] as Buffer) : Buffer.concat(waiting);
    for (;;) {
      const length = lengthOf(bytes);
      if (length === undefined || length > bytes.length) {
        // Doubling keeps the joining of pieces linear while a long unit arrives.
        needed = length ?? bytes.length * 2;
        break;
      }
      yield bytes.subarray(0, length);
      bytes = bytes.subarray(length);
    }
    waiting = bytes.length > 0 ? [bytes] : [];
    waitingBytes = bytes.length;
    if (bytes.length === 0) needed = 0;
  }
  yield* rest(Buffer.concat(waiting), lengthOf, unit);
}

function* rest(
  bytes: Buffer,
  lengthOf: (head: Buffer) => number | undefined,
  unit: string,
): Generator<Buffer> {
  while (bytes.length > 0) {
    const length = lengthOf(bytes);
    if (length === undefined || length > bytes.length)
      throw damaged(`${unit} is cut off at the end`);
    yield bytes.subarray(0, length);
    bytes = bytes.subarray(length);
  }
}

const lineLength = (): ((head: Buffer) => number | undefined) => (head) => {
  const at = head.indexOf(0x0a);
  if (at < 0 && head.length > MAX_LINE_BYTES) throw damaged("a line has no end");
  return at < 0 ? undefined : at + 1;
};

const damaged = (text: string): ArchiverError => new ArchiverError("format-invalid", text);
