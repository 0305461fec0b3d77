import { loneFeed } from "../../batch/lone-feed.ts";
import type { Cut } from "../../core/cut.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports.ts";
import type { Scope } from "../../core/scope.ts";
import type { FetchedPartition } from "../../kafka/fetcher.ts";
import type { PipelineView } from "../kafka-view.ts";

export interface CutRequest {
  readonly start: bigint;
  /** Exactly this end; null: where the rule of bytes cuts, at `limit` at the latest. */
  readonly exactEnd: bigint | null;
  readonly limit: bigint;
  /** Of a batch; with an exact end nothing is cut by it. */
  readonly bytes: number;
}

/**
 * Offsets as Kafka has them now, assembled by the rules of a batch. `nothing`: no record lies below the
 * limit, only markers and what was taken. Whoever asked releases the cut.
 * @throws ArchiverError offset-out-of-range when Kafka no longer has the start
 */
async function cutRange(
  topics: PipelineView,
  scope: Scope,
  r: CutRequest,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Cut | "nothing"> {
  const feed = loneFeed(scope, r.bytes, clock);
  const over = new AbortController();
  let done = false;
  const { start, exactEnd } = r;
  const limit = exactEnd === null ? r.limit : null;
  const request = { start, exactEnd, limit, epoch: -1 };
  const built = feed.build(request, AbortSignal.any([signal, over.signal])).finally(() => {
    done = true;
  });
  const end = exactEnd ?? r.limit;
  const fetched = async (): Promise<void> => {
    let atEnd = 0;
    try {
      for (let want = feed.want(); want !== null && !done; want = feed.want()) {
        if (want.offset >= end) {
          over.abort(NOTHING);
          break;
        }
        const got = await topics.fetch({ ...scope, ...want });
        if (got.error?.retriable === false) feed.refuse(got.offset, refusal(scope, got));
        else if (got.error === undefined && isAtEnd(got) && ++atEnd >= MAX_AT_END)
          feed.refuse(got.offset, beyond(scope, got));
        else if (got.error === undefined) feed.offer(got);
        await Promise.resolve();
      }
    } finally {
      if (!done) feed.close();
    }
  };
  // Where a fetch fails, what was being built ends too, and the first failure counts.
  const [fetching, building] = await Promise.allSettled([fetched(), built]);
  feed.close();
  if (fetching.status === "rejected") throw fetching.reason;
  if (building.status === "fulfilled") return building.value;
  if (building.reason === NOTHING) return "nothing";
  throw building.reason;
}

const NOTHING = new ArchiverError("interrupted", "no record lies below the limit");

/** A leader that has just been elected may not know for a moment how far its log may be read. */
const MAX_AT_END = 10;

const isAtEnd = ({ records, offset, lastStableOffset }: FetchedPartition): boolean =>
  records.length === 0 && offset >= lastStableOffset;

/** The log was cut short, or is another topic's of the same name: nobody waits for what may never come. */
function beyond(scope: Scope, { offset, lastStableOffset }: FetchedPartition): ArchiverError {
  const name = `${scope.topic}/${scope.partition}`;
  const text = `${name}: Kafka's log ends at ${lastStableOffset}, offset ${offset} is not in it`;
  return new ArchiverError("offset-out-of-range", text);
}

/** A fetch says "out of range" where Kafka has the offset no more. */
function refusal(scope: Scope, { offset, error }: FetchedPartition): ArchiverError {
  if (error === undefined) throw new ArchiverError("assertion-failed", "a refusal has an error");
  if (error.kafkaCode !== "OFFSET_OUT_OF_RANGE") return error;
  const text = `${scope.topic}/${scope.partition}: offset ${offset} is not in Kafka's log`;
  return new ArchiverError("offset-out-of-range", text, { cause: error });
}

/** Null: Kafka no longer has the start. */
export async function cutIfThere(
  ...args: Parameters<typeof cutRange>
): Promise<Cut | "nothing" | null> {
  try {
    return await cutRange(...args);
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "offset-out-of-range") return null;
    throw error;
  }
}
