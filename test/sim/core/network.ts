import { never, type SimProcess } from "./process.ts";
import type { Dice } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** How the way between a process and a server is at the moment. */
export interface Weather {
  /** Milliseconds one way, at least and at most. */
  readonly delayMs: readonly [number, number];
  /** Share of requests that never arrive, and of answers. */
  readonly lostRequests: number;
  readonly lostAnswers: number;
  /** Share of requests that arrive long after their sender gave them up. */
  readonly late: number;
  /** Nothing gets through. */
  readonly cut: boolean;
}

export const FAIR: Weather = {
  delayMs: [1, 8],
  lostRequests: 0,
  lostAnswers: 0,
  late: 0,
  cut: false,
};
const LATE_MS: readonly [number, number] = [20_000, 60_000];

export interface Call<T> {
  /** Names the call: in traces and as a place to crash at. */
  readonly name: string;
  /** Which way it takes, e.g. `d1>kafka:1`. */
  readonly weather: Weather;
  /** What the server does when the request arrives; held-back answers are promises. */
  readonly effect: () => T | Promise<T>;
  readonly timeoutMs: number;
  /** What the caller gets when there is no answer. `sent`: the request may have had its effect. */
  readonly noAnswer: (sent: boolean) => unknown;
  readonly signal: AbortSignal | undefined;
}

/** Requests and answers, each on its way for a while. */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #dice: Dice;
  readonly #trace: (line: string) => void;
  /** The request that has its effect now was sent long ago. */
  isLate = false;

  constructor(scheduler: Scheduler, dice: Dice, trace: (line: string) => void) {
    this.#scheduler = scheduler;
    this.#dice = dice;
    this.#trace = trace;
  }

  call<T>(from: SimProcess, c: Call<T>): Promise<T> {
    if (!from.alive) return never();
    const fate = from.point(c.name);
    if (fate === "before") {
      this.#trace(`${from.name} dies before ${c.name}`);
      from.die(`before ${c.name}`);
      return never();
    }
    if (c.signal?.aborted === true) return Promise.reject(c.signal.reason as Error);
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => finish(() => reject(c.signal?.reason as Error));
      const expire = from.after(c.timeoutMs, () => finish(() => reject(c.noAnswer(true))));
      const finish = (settle: () => void): void => {
        expire();
        c.signal?.removeEventListener("abort", abort);
        settle();
      };
      c.signal?.addEventListener("abort", abort, { once: true });
      const answer = (settle: () => void, lost: boolean): void => {
        if (fate === "after") {
          this.#trace(`${from.name} dies after ${c.name}`);
          from.die(`after ${c.name}`);
        } else if (!lost) from.after(this.#way(c.weather), () => finish(settle));
      };
      this.#send(c, from.lateBy(c.name), {
        refused: () => from.after(1, () => finish(() => reject(c.noAnswer(false)))),
        answered: (value, lost) => answer(() => resolve(value), lost),
        failed: (error, lost) => answer(() => reject(error), lost),
      });
    });
  }

  #send<T>(
    c: Call<T>,
    lateBy: number | null,
    to: {
      readonly refused: () => void;
      readonly answered: (value: T, lost: boolean) => void;
      readonly failed: (error: unknown, lost: boolean) => void;
    },
  ): void {
    const { weather: w } = c;
    // Drawn in any case, so that a fault more or less changes as little as possible of the rest.
    const [lostRequest, lostAnswer, late] = [
      this.#dice.chance(w.lostRequests),
      this.#dice.chance(w.lostAnswers),
      this.#dice.chance(w.late),
    ];
    if (w.cut) {
      to.refused();
      return;
    }
    if (lostRequest) {
      this.#trace(`lost ${c.name}`);
      return;
    }
    const ms = lateBy ?? (late ? this.#dice.int(...LATE_MS) : this.#way(w));
    this.#scheduler.after(ms, () => {
      this.isLate = late || lateBy !== null;
      this.#trace(`${this.isLate ? "late " : ""}${c.name}${lostAnswer ? ", answer lost" : ""}`);
      try {
        const result = c.effect();
        if (result instanceof Promise) {
          result.then(
            (value) => to.answered(value, lostAnswer),
            (error: unknown) => to.failed(error, lostAnswer),
          );
        } else to.answered(result, lostAnswer);
      } catch (error) {
        to.failed(error, lostAnswer);
      } finally {
        this.isLate = false;
      }
    });
  }

  #way(w: Weather): number {
    return this.#dice.int(...w.delayMs);
  }
}
