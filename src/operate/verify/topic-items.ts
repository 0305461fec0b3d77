import { ArchiverError } from "../../core/errors.ts";
import type { CommittedHead } from "./committed-head.ts";
import type { ForeignBatch, ForeignRecord } from "./foreign-decoder.ts";
import { batchLength, headerOf, markerOf, readRecords } from "./foreign-decoder.ts";

/**
 * How the live topic is read: raw, as the broker keeps it. `against-kafka` asks nothing else of it.
 */
export interface TopicReader {
  /** Undefined: no such topic, or of another id, or no such partition. */
  range(
    topic: string,
    topicId: string,
    partition: number,
    signal: AbortSignal,
  ): Promise<LiveRange | undefined>;
  /** Record batches from the one that holds `offset`, and the aborted transactions among them. */
  fetch(topic: string, partition: number, offset: bigint, signal: AbortSignal): Promise<Fetched>;
}

export interface LiveRange {
  readonly start: bigint;
  /** Last stable offset: what a consumer of committed records can reach. */
  readonly end: bigint;
  /** `cleanup.policy` contains `compact`: records may vanish from the middle. */
  readonly compacted: boolean;
  /** What the archiver's group committed: the archive holds every record before it. */
  readonly committed: bigint | null;
  /** The head of the chain that was committed with it. */
  readonly head?: CommittedHead | null;
}

export interface Fetched {
  /** Whole or cut-off record batches back to back. */
  readonly bytes: Uint8Array;
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[];
}

/** Every offset of a range, once and ascending: a record, or why there is none. */
export type TopicItem =
  | { readonly kind: "record"; readonly record: ForeignRecord }
  | {
      /** `undecodable`: a committed record batch that nobody can read. */
      readonly kind: "aborted" | "control" | "absent" | "undecodable";
      readonly from: bigint;
      readonly to: bigint;
    };

/** Fetches in a row that bring nothing new, before the broker is believed to be stuck. */
const MAX_EMPTY_FETCHES = 20;

/** @throws ArchiverError `format-invalid`, `kafka-refused` when the broker gives nothing. */
export async function* topicItems(
  reader: TopicReader,
  topic: string,
  partition: number,
  range: { readonly from: bigint; readonly to: bigint },
  signal: AbortSignal,
): AsyncGenerator<TopicItem> {
  let next = range.from;
  let empty = 0;
  while (next < range.to) {
    const fetched = await reader.fetch(topic, partition, next, signal);
    const before = next;
    const aborted = new AbortedTransactions(fetched.aborted);
    for (const batch of batchesOf(fetched.bytes)) {
      if (batch.lastOffset < next) continue;
      for (const item of itemsOf(batch, next, aborted)) {
        const clipped = clip(item, range);
        if (clipped !== undefined) yield clipped;
      }
      next = batch.lastOffset + 1n;
      if (next >= range.to) return;
    }
    if (next > before) empty = 0;
    else if (++empty >= MAX_EMPTY_FETCHES) {
      throw new ArchiverError(
        "kafka-refused",
        `${topic}/${partition} gives nothing at offset ${next}`,
      );
    }
  }
}

function* batchesOf(bytes: Uint8Array): Generator<ForeignBatch> {
  let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (;;) {
    const length = batchLength(rest);
    // A fetch may end in the middle of a batch.
    if (length === undefined || length > rest.length) return;
    yield headerOf(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
}

function* itemsOf(
  batch: ForeignBatch,
  next: bigint,
  aborted: AbortedTransactions,
): Generator<TopicItem> {
  if (batch.baseOffset > next) yield { kind: "absent", from: next, to: batch.baseOffset };
  const from = batch.baseOffset > next ? batch.baseOffset : next;
  const to = batch.lastOffset + 1n;
  const kind = aborted.judge(batch);
  if (kind !== "committed") {
    yield { kind, from, to };
    return;
  }
  const records = recordsOf(batch);
  if (records === undefined) {
    yield { kind: "undecodable", from, to };
    return;
  }
  let at = from;
  for (const record of records) {
    if (record.offset < from) continue;
    if (record.offset > at) yield { kind: "absent", from: at, to: record.offset };
    yield { kind: "record", record };
    at = record.offset + 1n;
  }
  if (at < to) yield { kind: "absent", from: at, to };
}

/** Undefined when its bytes are damaged, or are no records. */
function recordsOf(batch: ForeignBatch): readonly ForeignRecord[] | undefined {
  if (!batch.sound) return undefined;
  try {
    return [...readRecords(batch)];
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "format-invalid") return undefined;
    throw error;
  }
}

function clip(
  item: TopicItem,
  range: { readonly from: bigint; readonly to: bigint },
): TopicItem | undefined {
  if (item.kind === "record") return item.record.offset < range.to ? item : undefined;
  const to = item.to < range.to ? item.to : range.to;
  return item.from < to ? { ...item, to } : undefined;
}

/**
 * Which batches of one fetch were aborted, by the broker's list, which names every aborted
 * transaction that touches the fetched range: a producer's records count as aborted from its
 * entry's first offset on, up to its abort marker. Written apart from the writer's filter.
 */
class AbortedTransactions {
  readonly #waiting: { readonly producerId: bigint; readonly firstOffset: bigint }[];
  readonly #open = new Set<bigint>();

  constructor(entries: Fetched["aborted"]) {
    this.#waiting = entries.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  }

  judge(batch: ForeignBatch): "committed" | "aborted" | "control" {
    while (this.#waiting[0] !== undefined && this.#waiting[0].firstOffset <= batch.lastOffset) {
      const entry = this.#waiting.shift();
      if (entry !== undefined) this.#open.add(entry.producerId);
    }
    if (batch.control) {
      if (markerOf(batch) === "abort") this.#open.delete(batch.producerId);
      return "control";
    }
    return batch.transactional && this.#open.has(batch.producerId) ? "aborted" : "committed";
  }
}
