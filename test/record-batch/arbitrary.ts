import fc from "fast-check";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { CODECS } from "../../src/record-batch/header.ts";
import type { RecordBatchOptions } from "../../src/record-batch/writer.ts";

const bytes = (max: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.uint8Array({ maxLength: max }) },
    // Lengths around those where a varint grows, and what compresses.
    {
      weight: 1,
      arbitrary: fc.constantFrom(63, 64, 8191, 8192).map((n) => new Uint8Array(n).fill(65)),
    },
  );

const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });

/** Timestamps that records really have, and then any. */
const timestamp = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt({ min: 1_700_000_000_000n, max: 1_700_000_100_000n }) },
  { weight: 1, arbitrary: fc.constant(-1n) },
  { weight: 1, arbitrary: fc.constant(0n) },
  { weight: 1, arbitrary: int64 },
);

const header = fc.record({
  key: bytes(20),
  value: fc.option(bytes(30)),
});

interface Part extends Omit<ArchivedRecord, "offset" | "timestampType"> {
  readonly gap: number;
}

const part: fc.Arbitrary<Part> = fc.record({
  gap: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 40_000_000 }) },
  ),
  timestamp,
  key: fc.option(bytes(20)),
  value: fc.option(bytes(60)),
  headers: fc.array(header, { maxLength: 4 }),
});

type Options = Required<RecordBatchOptions>;

/** A record batch's options: any codec, gaps as compaction leaves them, even no record at all. */
export const batchOptions: fc.Arbitrary<Options> = fc
  .record({
    baseOffset: fc.bigInt({ min: 0n, max: 1n << 62n }),
    parts: fc.array(part, { maxLength: 30 }),
    cut: fc.integer({ min: 0, max: 3 }),
    codec: fc.constantFrom(...CODECS),
    leaderEpoch: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
    producerId: int64,
    producerEpoch: fc.integer({ min: -1, max: 2 ** 15 - 1 }),
    baseSequence: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
    transactional: fc.boolean(),
    control: fc.boolean(),
    timestampType: fc.constantFrom("CreateTime" as const, "LogAppendTime" as const),
  })
  .map(({ parts, cut, baseOffset, ...rest }) => {
    let next = baseOffset;
    const records = parts.map(({ gap, ...record }) => {
      const offset = next + BigInt(gap);
      next = offset + 1n;
      return { offset, ...record };
    });
    const last = records.at(-1)?.offset ?? baseOffset;
    return { baseOffset, records, lastOffset: last + BigInt(cut), ...rest };
  });
