import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import type { Fetcher } from "../kafka/fetcher.ts";
import type { LogPort } from "../pipeline/ports.ts";
import { recordBatches } from "../record-batch/header.ts";

/** A broker sends the first record batch whole, however little is asked for. */
const PEEK_BYTES = 1;

/** Answers about one partition's log that need a request of their own. */
export function logPort(fetcher: Fetcher, scope: Scope, start: "earliest" | "latest"): LogPort {
  const { topic, partition } = scope;
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
      for (const { header } of recordBatches(got.records)) {
        if (header.nextOffset <= offset) continue;
        return header.baseOffset < offset ? header.baseOffset : offset;
      }
      return offset;
    },
    startOffset: async (signal) => {
      const [found] = await fetcher.offsets([{ topic, partition }], start, signal);
      if (found !== undefined) return found.offset;
      throw new ArchiverError(
        "kafka-unreachable",
        `the ${start} offset of ${topic}/${partition} is not to be had now; it is asked again`,
      );
    },
  };
}
