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

/** What a partition's copy is to have, and what it has: records as they are in both, and offsets in the source. */
export interface Pair {
  readonly wanted: readonly object[];
  readonly mine: readonly object[];
}

/** By partition of the source, as librdkafka reads it; those that the copy alone has come last. */
export async function restoredPairs(o: Compared): Promise<readonly Pair[]> {
  const [source, copy] = [
    await rawRecords(o.bootstrap, o.topic),
    await rawRecords(o.other ?? o.bootstrap, o.copy),
  ];
  const at = (offset: number): object => (o.lineage ? { offset } : {});
  return [...new Set([...source.keys(), ...copy.keys()])].map((partition) => {
    const records = source.get(partition) ?? [];
    const wanted = records.filter((r) => o.wanted?.(r, partition) ?? true);
    return {
      wanted: wanted.map((r) => ({ ...common(r, false), ...at(r.offset) })),
      mine: (copy.get(partition) ?? []).map((r) => ({
        ...common(r, o.lineage),
        ...at(offsetOf(r)),
      })),
    };
  });
}

const offsetOf = (r: RawRecord): number =>
  Number(/^bulk-archiver\.offset=(\d+)$/.exec(r.headers.at(-1) ?? "")?.[1] ?? -1);
