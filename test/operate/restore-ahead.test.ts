import { describe, expect, test } from "vitest";
import { Budget } from "../../src/core/budget.ts";
import { type Making, readAhead, Upcoming } from "../../src/operate/restore/read-ahead.ts";
import { Room } from "../../src/operate/restore/room.ts";
import { never } from "../kafka/live-kafka.ts";

/** What is begun, made and let go of, in order. */
class Workshop {
  readonly begun: number[] = [];
  readonly left: number[] = [];
  readonly #ends = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();

  readonly begin = async function* (
    this: Workshop,
    signal: AbortSignal,
  ): AsyncGenerator<Making<number>> {
    for (let n = 1; n <= 6; n += 1) {
      signal.throwIfAborted();
      this.begun.push(n);
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      this.#ends.set(n, { resolve: () => resolve(undefined), reject });
      yield { made: promise.then(() => n) };
    }
  };

  finish(...which: readonly number[]): void {
    for (const n of which) this.#ends.get(n)?.resolve();
  }

  fail(n: number): void {
    this.#ends.get(n)?.reject(new Error(`${n} failed`));
  }

  ahead(depth: number): AsyncGenerator<number> {
    const begin = (s: AbortSignal): AsyncGenerator<Making<number>> => this.begin(s);
    return readAhead({ begin, depth, letGo: (n) => this.left.push(n) }, never);
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("what is read ahead", () => {
  test("is begun as far as the depth goes, and handed on in order, whatever is made first", async () => {
    const shop = new Workshop();
    const ahead = shop.ahead(3);
    const first = ahead.next();
    await settled();
    expect(shop.begun).toEqual([1, 2, 3]);
    shop.finish(3, 2, 1);
    expect((await first).value).toBe(1);
    await settled();
    expect(shop.begun).toEqual([1, 2, 3, 4]);
    expect((await ahead.next()).value).toBe(2);
    expect((await ahead.next()).value).toBe(3);
    await settled();
    expect(shop.begun).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("fails in its turn; what was made behind it is let go of", async () => {
    const shop = new Workshop();
    const ahead = shop.ahead(3);
    const first = ahead.next();
    await settled();
    shop.fail(2);
    shop.finish(1, 3);
    expect((await first).value).toBe(1);
    await expect(ahead.next()).rejects.toThrow("2 failed");
    await settled();
    expect(shop.left).toEqual([3]);
    expect((await ahead.next()).done).toBe(true);
  });

  test("ends with its taker: what is in the making is let go of, and nothing more is begun", async () => {
    const shop = new Workshop();
    const upcoming = new Upcoming(shop.ahead(2));
    const first = upcoming.peek();
    await settled();
    shop.finish(1);
    expect(await first).toBe(1);
    expect(await upcoming.peek()).toBe(1);
    upcoming.take();
    shop.finish(2);
    expect(await upcoming.peek()).toBe(2);
    expect(await upcoming.close()).toBe(2);
    const { begun } = shop;
    shop.finish(3, 4);
    await settled();
    await settled();
    expect(shop.left).toEqual([3, 4].filter((n) => begun.includes(n)));
    expect(shop.begun.length).toBeLessThan(6);
  });
});

describe("room in a budget", () => {
  test("is given in the order of asking: much is not overtaken by little", async () => {
    const room = new Room(new Budget(100));
    const order: string[] = [];
    const first = await room.take(80, never);
    const much = room.take(60, never).then((held) => (order.push("much"), held));
    const little = room.take(10, never).then((held) => (order.push("little"), held));
    await settled();
    expect(order).toEqual([]);
    first.shrink(35);
    await settled();
    expect(order).toEqual(["much"]);
    first.release();
    first.release();
    await settled();
    expect(order).toEqual(["much", "little"]);
    for (const held of [await much, await little]) held.release();
  });

  test("who does not want it any more is no obstacle; an idle budget has room for anything", async () => {
    const budget = new Budget(100);
    const room = new Room(budget);
    const all = await room.take(500, never);
    const gone = new AbortController();
    const much = room.take(70, gone.signal);
    const little = room.take(10, never);
    gone.abort(new Error("no more"));
    await expect(much).rejects.toThrow("no more");
    all.release();
    (await little).release();
    expect(budget.usedBytes).toBe(0);
  });
});
