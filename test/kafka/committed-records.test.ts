import { expect, test } from "vitest";
import { CommittedRecords } from "../../src/kafka/target/committed-records.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";

/** What a sink of Kafka reads of its ledger, where a bit of the answer flipped on the way. */
const PRODUCER = { producerId: 7n, producerEpoch: 0, transactional: true };
const record = (offset: bigint, key: Buffer, value: Buffer | null) => ({
  ...{ offset, timestamp: 1n, key, value, headers: [] },
});
const written = (offset: bigint, value: string): Buffer =>
  encodeRecordBatch({
    ...{ baseOffset: offset, ...PRODUCER, baseSequence: 0 },
    records: [record(offset, Buffer.from("k"), Buffer.from(value))],
  });
/** Version 0, type 1: commit. */
const committed = (offset: bigint): Buffer =>
  encodeRecordBatch({
    ...{ baseOffset: offset, ...PRODUCER, control: true },
    records: [record(offset, Buffer.from([0, 0, 0, 1]), Buffer.alloc(6))],
  });

const LOG = Buffer.concat([written(0n, "a"), committed(1n), written(2n, "b"), committed(3n)]);
/** Of each record batch: what stands before the checksum is not covered by it. */
const COVERED_FROM = 21;
const sizeOfFirst = written(0n, "a").length;

const values = (read: ReturnType<CommittedRecords["read"]>): string[] =>
  read.records.map((r) => Buffer.from(r.value ?? []).toString());

test("a flipped bit makes the whole answer void, and the next reading of it counts once", () => {
  for (let at = COVERED_FROM; at < sizeOfFirst; at += 1) {
    const reader = new CommittedRecords();
    for (const from of [0, sizeOfFirst + committed(1n).length]) {
      const wrong = Buffer.from(LOG);
      wrong.writeUInt8(wrong.readUInt8(from + at) ^ 4, from + at);
      expect(() => reader.read(wrong, 0n), `byte ${from + at}`).toThrow(/reads wrong/);
    }
    const found = reader.read(LOG, 0n);
    expect(values(found)).toEqual(["a", "b"]);
    expect(found.next).toBe(4n);
  }
});

test("what is no record batch is read again, too", () => {
  const wrong = Buffer.from(LOG);
  wrong.writeUInt8(7, 16);
  expect(() => new CommittedRecords().read(wrong, 0n)).toThrow(
    expect.objectContaining({ code: "sink-transient" }),
  );
});
