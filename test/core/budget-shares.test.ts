import fc from "fast-check";
import { expect, test } from "vitest";
import { Budget } from "../../src/core/budget.ts";
import { budgetShares, evenOwnBytes } from "../../src/core/budget-shares.ts";

function two(limit: number, own: readonly [number, number]): [Budget, Budget, Budget] {
  const whole = new Budget(limit);
  const [a, b] = budgetShares(whole, own);
  if (a === undefined || b === undefined) throw new Error("two shares");
  return [whole, a, b];
}

test("one that takes all it gets leaves the other its own bytes", () => {
  const [whole, a, b] = two(100, [20, 30]);
  let taken = 0;
  while (a.tryReserve(10)) taken += 10;
  expect(taken).toBe(70);
  expect(b.tryReserve(15)).toBe(true);
  expect(b.tryReserve(15)).toBe(true);
  expect(b.tryReserve(1)).toBe(false);
  expect(whole.usedBytes).toBe(100);
});

test("what one gives back wakes whoever waits in the other", () => {
  const [whole, a, b] = two(100, [20, 30]);
  a.force(70);
  b.force(30);
  let woken = 0;
  b.onRelease(() => (woken += 1));
  a.release(40);
  expect(woken).toBe(1);
  expect(b.tryReserve(40)).toBe(true);
  expect([whole.usedBytes, a.usedBytes, b.usedBytes]).toEqual([100, 30, 70]);
});

test("an idle share grants a batch that is larger than what it owns", () => {
  const [, a, b] = two(100, [20, 30]);
  a.force(70);
  expect(b.tryReserve(60)).toBe(true);
  expect(b.tryReserve(1)).toBe(false);
});

test("never more than the whole, but for what was forced or granted to an idle share", () => {
  const step = fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 40 }), fc.boolean());
  const own = fc.tuple(fc.nat(33), fc.nat(33), fc.nat(33));
  fc.assert(
    fc.property(own, fc.array(step, { maxLength: 60 }), (owns, steps) => {
      const whole = new Budget(100);
      const shares = budgetShares(whole, owns);
      const held: number[][] = [[], [], []];
      for (const [i, bytes, give] of steps) {
        const share = shares[i];
        const mine = held[i];
        if (share === undefined || mine === undefined) continue;
        const last = give ? mine.pop() : undefined;
        if (last !== undefined) {
          share.release(last);
          continue;
        }
        const idle = share.usedBytes === 0;
        if (share.tryReserve(bytes)) {
          mine.push(bytes);
          if (!idle) expect(whole.usedBytes).toBeLessThanOrEqual(100);
        } else {
          // Its own bytes are refused only when others were granted more than there is.
          const within = share.usedBytes + bytes <= (owns[i] ?? 0);
          expect(within && whole.usedBytes + bytes <= 100 - others(shares, owns, i)).toBe(false);
        }
      }
      expect(whole.usedBytes).toBe(shares.reduce((n, s) => n + s.usedBytes, 0));
    }),
  );
});

function others(shares: readonly Budget[], owns: readonly number[], i: number): number {
  return shares.reduce(
    (n, s, k) => (k === i ? n : n + Math.max(0, (owns[k] ?? 0) - s.usedBytes)),
    0,
  );
}

test("each owns a batch and half of an even part of the rest; all the same where they do not fit", () => {
  expect(evenOwnBytes(100, [10, 30])).toEqual([25, 45]);
  expect(evenOwnBytes(100, [80, 80])).toEqual([50, 50]);
  expect(evenOwnBytes(100, [40])).toEqual([70]);
});
