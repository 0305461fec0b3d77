import { CRC_AT, crcOf } from "./crc.ts";
import { TRANSACTIONAL } from "./header.ts";

const ATTRIBUTES_AT = 21;
const LEADER_EPOCH_AT = 12;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;

export interface BatchProducer {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/**
 * Makes a record batch one that this producer sends in a transaction, in place: base offset 0, no leader
 * epoch, its ids, a new CRC. The records, compressed as they are, are not touched.
 */
export function stampProducer(recordBatch: Uint8Array, p: BatchProducer): void {
  const { buffer, byteOffset, byteLength } = recordBatch;
  const b = Buffer.from(buffer, byteOffset, byteLength);
  b.writeBigInt64BE(0n, 0);
  b.writeInt32BE(-1, LEADER_EPOCH_AT);
  b.writeInt16BE(b.readInt16BE(ATTRIBUTES_AT) | TRANSACTIONAL, ATTRIBUTES_AT);
  b.writeBigInt64BE(p.producerId, PRODUCER_ID_AT);
  b.writeInt16BE(p.producerEpoch, PRODUCER_EPOCH_AT);
  b.writeInt32BE(p.baseSequence, BASE_SEQUENCE_AT);
  b.writeUInt32BE(crcOf(b), CRC_AT);
}
