import { Budget } from "../core/budget.ts";
import type { Clock } from "../core/ports.ts";
import type { Scope } from "../core/scope.ts";
import { BlockPool } from "./block-buffer.ts";
import { Feed } from "./feed.ts";
import { Turns } from "./turns.ts";

const FETCH_BYTES = 4 << 20;

/**
 * A feed beside the partition's own stream, with memory of its own: for a range that is read once. No clock
 * cuts it, and nothing in it is given up. @param bytes of a batch at most
 */
export function loneFeed(scope: Scope, bytes: number, clock: Clock): Feed {
  const budget = new Budget(Number.MAX_SAFE_INTEGER);
  return new Feed({
    scope,
    policy: { bytes, ageMs: Number.MAX_SAFE_INTEGER, idleMs: null },
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
}
