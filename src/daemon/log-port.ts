import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import type { Fetcher } from "../kafka/fetcher.ts";
import type { TopicCatalogue } from "../kafka/topics.ts";
import type { LogPort } from "../pipeline/ports.ts";
import { recordBatches, type RecordBatchHeader } from "../record-batch/header.ts";

/** A broker sends the first record batch whole, however little is asked for. */
const PEEK_BYTES = 1;

/** Answers about one partition's log that need a request of their own. */
export function logPort(
  { fetcher, catalogue }: { readonly fetcher: Fetcher; readonly catalogue: TopicCatalogue },
  scope: Scope,
  start: "earliest" | "latest",
): LogPort {
  const { topic, partition } = scope;
  const offsetOf = async (spec: "earliest" | "latest", signal: AbortSignal): Promise<bigint> => {
    const [found] = await fetcher.offsets([{ topic, partition }], spec, signal);
    if (found !== undefined) return found.offset;
    throw new ArchiverError(
      "kafka-unreachable",
      `the ${spec} offset of ${topic}/${partition} is not to be had now; it is asked again`,
    );
  };
  return {
    align: async (offset, signal) => {
      // At the end a broker would hold the fetch back until something comes, and with many empty
      // partitions these waits would add up to minutes.
      const [end] = await fetcher.offsets([{ topic, partition }], "latest", signal);
      if (end !== undefined && offset >= end.offset) return offset;
      const want = { topic, partition, offset, maxBytes: PEEK_BYTES };
      const got = await fetcher.fetchOnce(want, signal);
      // Out of range is the build's to report, with what the log has.
      if (got.error?.kafkaCode === "OFFSET_OUT_OF_RANGE") return offset;
      if (got.error !== undefined) throw got.error;
      const base = holding(got.records, offset)?.baseOffset ?? offset;
      return base < offset ? base : offset;
    },
    isStill: (signal) => catalogue.isStill(scope, signal),
    isCutShort: async (end, epoch, signal) => {
      if (epoch < 0 || (await offsetOf("latest", signal)) >= end) return false;
      const at = await fetcher.epochEnd(scope, epoch, signal);
      return at.epoch < epoch || (at.epoch === epoch && at.endOffset < end);
    },
    startOffset: (signal) => offsetOf(start, signal),
  };
}

/** Offsets [from, to) of the record batch that `offset` lies inside of; null: a batch may begin there. */
export async function insideBatch(
  fetcher: Fetcher,
  { topic, partition }: Scope,
  offset: bigint,
  signal: AbortSignal,
): Promise<{ readonly from: bigint; readonly to: bigint } | null> {
  const [end] = await fetcher.offsets([{ topic, partition }], "latest", signal);
  if (end !== undefined && offset >= end.offset) return null;
  const got = await fetcher.fetchOnce({ topic, partition, offset, maxBytes: PEEK_BYTES }, signal);
  if (got.error !== undefined) throw got.error;
  const found = holding(got.records, offset);
  if (found === undefined || found.baseOffset >= offset) return null;
  return { from: found.baseOffset, to: found.nextOffset };
}

/** The header of the record batch that the offset is in, or that comes next. */
function holding(records: Uint8Array, offset: bigint): RecordBatchHeader | undefined {
  for (const { header } of recordBatches(records)) if (header.nextOffset > offset) return header;
  return undefined;
}
