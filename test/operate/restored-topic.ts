import { expect } from "vitest";
import type { RawRecord } from "../sinks/kafka/raw-records.ts";
import { rawRecords } from "../sinks/kafka/raw-records.ts";

/** Headers that a restored record has behind its own. */
const LINEAGE = 6;

/** A record without offset and lineage: what source and copy have in common. */
const common = (r: RawRecord, lineage: boolean): Omit<RawRecord, "offset"> => ({
  timestamp: r.timestamp,
  key: r.key,
  value: r.value,
  headers: lineage ? r.headers.slice(0, -LINEAGE) : r.headers,
});

export interface Compared {
  readonly bootstrap: string;
  readonly topic: string;
  readonly copy: string;
  readonly lineage: boolean;
  /** Where the copy is. @default where the source is */
  readonly other?: string;
  /** Which records of the source are wanted. @default all */
  readonly wanted?: (record: RawRecord, partition: number) => boolean;
}

/** Every wanted record once, in order, in the same partition, as librdkafka reads it. */
export async function expectRestored(o: Compared): Promise<number> {
  const [source, copy] = [
    await rawRecords(o.bootstrap, o.topic),
    await rawRecords(o.other ?? o.bootstrap, o.copy),
  ];
  let count = 0;
  for (const [partition, records] of source) {
    const wanted = records.filter((r) => o.wanted?.(r, partition) ?? true);
    const mine = copy.get(partition) ?? [];
    expect(mine.map((r) => common(r, o.lineage))).toEqual(wanted.map((r) => common(r, false)));
    if (o.lineage) expect(mine.map(offsetOf)).toEqual(wanted.map((r) => r.offset));
    count += wanted.length;
  }
  const total = [...copy.values()].reduce((n, records) => n + records.length, 0);
  expect(total).toBe(count);
  return count;
}

const offsetOf = (r: RawRecord): number =>
  Number(/^bulk-archiver\.offset=(\d+)$/.exec(r.headers.at(-1) ?? "")?.[1] ?? -1);
