import { waits } from "./waits.ts";

/** Something that happens at a time; `fire` is null once it was taken back. */
interface Entry {
  readonly at: number;
  readonly order: number;
  fire: (() => void) | null;
}

/**
 * Time is a number that jumps from one event to the next. Between two events everything runs that can
 * run without time: all microtasks, in the order that the language defines. So a run is a function of
 * its seed, however busy the machine is.
 */
export class Scheduler {
  readonly #heap: Entry[] = [];
  #order = 0;
  #now = 0;
  #fired = 0;

  get now(): number {
    return this.#now;
  }

  /** Events so far. */
  get fired(): number {
    return this.#fired;
  }

  /** Runs `fire` after `ms`; the answer takes it back. */
  after(ms: number, fire: () => void): () => void {
    const entry: Entry = { at: this.#now + Math.max(0, ms), order: (this.#order += 1), fire };
    this.#push(entry);
    return () => {
      entry.fire = null;
    };
  }

  /** Until `over` says so, or nothing is left to happen; the answer says which. Rejects with what an event throws. */
  run(over: () => boolean): Promise<"over" | "still"> {
    return new Promise((resolve, reject) => {
      // A callback of nextTick runs when every microtask is done, and the next one is asked for from a
      // microtask: so no turn of the real event loop lies between two events.
      const step = (): void => {
        try {
          if (over()) return resolve("over");
          const entry = this.#pop();
          if (entry === undefined) return resolve("still");
          this.#now = entry.at;
          this.#fired += 1;
          waits.owner = null;
          waits.recorder?.passed();
          entry.fire?.();
        } catch (error) {
          return reject(error);
        }
        queueMicrotask(next);
      };
      const next = (): void => process.nextTick(step);
      next();
    });
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!before(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  /** The next event that was not taken back. */
  #pop(): Entry | undefined {
    for (;;) {
      const top = this.#heap[0];
      const last = this.#heap.pop();
      if (top === undefined || last === undefined) return undefined;
      if (this.#heap.length > 0) this.#sink(last);
      if (top.fire !== null) return top;
    }
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, left)) child += 1;
      const least = heap[child] as Entry;
      if (!before(least, entry)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = entry;
  }
}

const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
