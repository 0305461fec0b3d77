import { loneFeed } from "../batch/lone-feed.ts";
import type { Cut } from "../core/cut.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Description } from "../core/description.ts";
import type { Clock } from "../core/ports.ts";
import type { Scope } from "../core/scope.ts";
import type { FetchedPartition, Fetcher } from "../kafka/fetcher.ts";

/**
 * The offsets [start, end) as Kafka has them now, assembled by the same rules as a batch. Beside the
 * partition's own stream, with memory of its own: used rarely, to judge what a sink claims.
 * @throws ArchiverError offset-out-of-range when Kafka no longer has the start
 */
export async function readRange(
  fetcher: Fetcher,
  scope: Scope,
  range: { readonly start: bigint; readonly end: bigint },
  clock: Clock,
  signal: AbortSignal,
): Promise<Cut> {
  const feed = loneFeed(scope, 1 << 30, clock);
  let done = false;
  const request = { start: range.start, exactEnd: range.end, limit: null, epoch: -1 };
  const built = feed.build(request, signal).finally(() => {
    done = true;
  });
  const fetched = async (): Promise<Cut> => {
    try {
      for (let want = feed.want(); want !== null && !done; want = feed.want()) {
        if (want.offset >= range.end) throw nothingLeft(scope, range);
        const got = await fetcher.fetchOnce({ ...scope, ...want }, signal);
        if (got.error?.retriable === false) feed.refuse(got.offset, refusal(scope, got));
        else if (got.error === undefined) feed.offer(got);
        await Promise.resolve();
      }
      return await built;
    } finally {
      feed.close();
    }
  };
  // Where a fetch fails, what was being built ends too: that is heard here, and the first one counts.
  const [cut] = await Promise.all([fetched(), built]);
  return cut;
}

export interface RangePorts {
  readonly fetcher: Fetcher;
  readonly scope: Scope;
  readonly clock: Clock;
}

/** As many records as the batch had, between the same offsets; null when Kafka no longer has all of it. */
export async function sameRange(
  { fetcher, scope, clock }: RangePorts,
  d: Description,
  signal: AbortSignal,
): Promise<Cut | null> {
  try {
    const cut = await readRange(fetcher, scope, d, clock, signal);
    if (cut.end === d.end && cut.records === d.records) return cut;
    cut.release();
    return null;
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "offset-out-of-range") return null;
    throw error;
  }
}

const nothingLeft = (scope: Scope, { start, end }: { start: bigint; end: bigint }): ArchiverError =>
  new ArchiverError(
    "offset-out-of-range",
    `${scope.topic}/${scope.partition}: Kafka holds no record of offsets ${start} to ${end} any more`,
  );

/** A fetch says "out of range" where Kafka has the offset no more, or not yet again. */
function refusal(scope: Scope, { offset, error }: FetchedPartition): ArchiverError {
  if (error === undefined) throw new ArchiverError("assertion-failed", "a refusal has an error");
  if (error.kafkaCode !== "OFFSET_OUT_OF_RANGE") return error;
  const text = `${scope.topic}/${scope.partition}: offset ${offset} is not in Kafka's log`;
  return new ArchiverError("offset-out-of-range", text, { cause: error });
}
