import { ArchiverError } from "../core/errors.ts";
import { verifyCrc } from "../record-batch/crc.ts";
import { segmentBatches } from "../record-batch/header.ts";

/** A record batch that could not be decoded: offsets [from, to), and its bytes as Kafka had them. */
export interface DeadLetter {
  readonly from: bigint;
  readonly to: bigint;
  readonly bytes: Uint8Array;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/**
 * A line of its own among the records of an `ndjson` file: the batch's own file is its dead-letter place,
 * so that it is delivered, encrypted, verified and copied with it (docs/decisions/0007).
 */
export function deadLetterLine({ topic, partition }: Place, d: DeadLetter): string {
  const bytes = Buffer.from(d.bytes.buffer, d.bytes.byteOffset, d.bytes.byteLength);
  return (
    `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${d.from},` +
    `"endOffset":${d.to},"recordBatchBase64":"${bytes.toString("base64")}"}\n`
  );
}

const SHAPE =
  /^\{"topic":"[^"]{1,249}","partition":\d{1,10},"offset":(\d{1,19}),"endOffset":(\d{1,19}),"recordBatchBase64":"([A-Za-z0-9+/=]+)"\}$/;
/** Enough of a line to tell one from a record. */
const HEAD_BYTES = 512;

/**
 * Null for a line (without its newline) that is a record.
 * @throws ArchiverError format-invalid when it is neither
 */
export function parseDeadLetter(line: Buffer, place: Place): DeadLetter | null {
  if (!line.subarray(0, HEAD_BYTES).includes(',"endOffset":')) return null;
  const found = SHAPE.exec(line.toString("latin1"));
  // A record's key may hold the same characters.
  if (found === null) return null;
  const [from, to] = [BigInt(found[1] ?? ""), BigInt(found[2] ?? "")];
  const bytes = Buffer.from(found[3] ?? "", "base64");
  const letter = { from, to, bytes };
  if (deadLetterLine(place, letter) !== `${line.toString("latin1")}\n`) {
    throw wrong(`the line of offsets ${from} to ${to} is not as a dead letter is written`);
  }
  const [batch, second] = segmentBatches(bytes);
  const whole = batch !== undefined && second === undefined && verifyCrc(batch.bytes);
  if (whole && batch.header.baseOffset === from && batch.header.nextOffset === to) return letter;
  throw wrong(`the line of offsets ${from} to ${to} holds another record batch, or a damaged one`);
}

const wrong = (text: string): ArchiverError => new ArchiverError("format-invalid", text);
