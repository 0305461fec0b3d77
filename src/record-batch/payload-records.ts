import type { Payload } from "../core/bytes.ts";
import { BLOCK_BYTES } from "../core/bytes.ts";
import { ArchiverError } from "../core/errors.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { HEADER_BYTES, LENGTH_FROM } from "./header.ts";
import { decodeRecords } from "./records.ts";

/**
 * The records of a batch as assembled, a record batch at a time. Each record batch is copied before it
 * is decoded: the blocks may be used again while a reader still holds what it was given.
 *
 * @throws ArchiverError `undecodable-record-batch`; `format-invalid` for bytes that are no record batch
 */
export function* payloadRecords(payload: Payload): Generator<readonly ArchivedRecord[]> {
  for (let at = 0; at < payload.length;) {
    if (payload.length - at < HEADER_BYTES) throw cutShort(at);
    const head = copied(payload, at, at + LENGTH_FROM);
    const sizeBytes = head.readInt32BE(8) + LENGTH_FROM;
    if (sizeBytes < HEADER_BYTES || sizeBytes > payload.length - at) throw cutShort(at);
    yield decodeRecords(copied(payload, at, at + sizeBytes));
    at += sizeBytes;
  }
}

function copied({ blocks }: Payload, from: number, to: number): Buffer {
  const out = Buffer.allocUnsafeSlow(to - from);
  for (let at = from; at < to;) {
    const block = blocks[Math.floor(at / BLOCK_BYTES)];
    if (block === undefined) throw cutShort(at);
    const inBlock = at % BLOCK_BYTES;
    const n = Math.min(BLOCK_BYTES - inBlock, to - at);
    out.set(new Uint8Array(block, inBlock, n), at - from);
    at += n;
  }
  return out;
}

const cutShort = (at: number): ArchiverError =>
  new ArchiverError("format-invalid", `byte ${at}: no whole record batch begins here`);
