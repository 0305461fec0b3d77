import { BlockPool } from "../batch/block-buffer.ts";
import { Feed } from "../batch/feed.ts";
import { Turns } from "../batch/turns.ts";
import { Budget } from "../core/budget.ts";
import type { Cut } from "../core/cut.ts";
import type { Clock } from "../core/ports.ts";
import type { Scope } from "../core/scope.ts";
import type { Fetcher } from "../kafka/fetcher.ts";

const FETCH_BYTES = 4 << 20;

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
  const budget = new Budget(Number.MAX_SAFE_INTEGER);
  const feed = new Feed({
    scope,
    policy: { bytes: 1 << 30, ageMs: Number.MAX_SAFE_INTEGER, idleMs: null },
    budget,
    turns: new Turns(budget, () => clock.now()),
    pool: new BlockPool(0),
    now: () => clock.now(),
    maxFetchBytes: FETCH_BYTES,
    skip: () => null,
    onGivenUp: () => undefined,
    inFlight: () => 0,
    onTail: () => undefined,
    onWant: () => undefined,
  });
  let done = false;
  const built = feed
    .build({ start: range.start, exactEnd: range.end, limit: null, epoch: -1 }, signal)
    .finally(() => {
      done = true;
    });
  try {
    for (let want = feed.want(); want !== null && !done; want = feed.want()) {
      const got = await fetcher.fetchOnce({ ...scope, ...want }, signal);
      if (got.error?.retriable === false) feed.refuse(got.offset, got.error);
      else if (got.error === undefined) feed.offer(got);
      await Promise.resolve();
    }
    return await built;
  } finally {
    feed.close();
  }
}
