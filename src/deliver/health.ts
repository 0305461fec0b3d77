import type { ArchiverError, ErrorCode } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";

/** `retrying`: transient errors, with back-off. `parked`: it refuses the credentials. */
export type HealthState = "ok" | "retrying" | "parked";

/** Times are wall-clock milliseconds since the epoch. */
export interface HealthView {
  readonly state: HealthState;
  readonly sinceMs: number;
  /** Stays after the sink is well again. */
  readonly lastError?: { readonly code: ErrorCode; readonly text: string; readonly atMs: number };
  /** When the next call is tried again. */
  readonly nextMs?: number;
}

interface Failing {
  readonly parked: boolean;
  readonly nextMs: number;
}

/** The state of one sink, from all calls that wait for it; for status, metrics and alerts. */
export class SinkHealth {
  readonly #clock: Clock;
  readonly #onChange: ((view: HealthView) => void) | undefined;
  readonly #failing = new Map<object, Failing>();
  #state: HealthState = "ok";
  #sinceMs: number;
  /** Of the monotonic clock. */
  #failingSinceMs = 0;
  #lastError: HealthView["lastError"];

  constructor(clock: Clock, onChange?: (view: HealthView) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#sinceMs = clock.wall();
  }

  /**
   * Milliseconds since it was last well; 0 while it is. What is decided is decided by this: the times of a
   * view are for people, and a wall clock that is set is no outage.
   */
  failingMs(): number {
    return this.#state === "ok" ? 0 : this.#clock.now() - this.#failingSinceMs;
  }

  view(): HealthView {
    const nextMs = Math.min(...[...this.#failing.values()].map((f) => f.nextMs));
    return {
      state: this.#state,
      sinceMs: this.#sinceMs,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      ...(Number.isFinite(nextMs) ? { nextMs } : {}),
    };
  }

  /** `call` will be tried again after `waitMs`. */
  failed(call: object, error: ArchiverError, waitMs: number): void {
    const atMs = this.#clock.wall();
    this.#lastError = { code: error.code, text: error.message, atMs };
    const parked = error.code === "sink-unauthorized";
    this.#failing.set(call, { parked, nextMs: atMs + waitMs });
    this.#update();
  }

  /** `call` succeeded, or no one waits for it any more. */
  ended(call: object): void {
    if (this.#failing.delete(call)) this.#update();
  }

  #update(): void {
    const failing = [...this.#failing.values()];
    const worst = failing.some((f) => f.parked) ? "parked" : "retrying";
    const state = failing.length === 0 ? "ok" : worst;
    if (state === this.#state) return;
    if (this.#state === "ok") this.#failingSinceMs = this.#clock.now();
    this.#state = state;
    this.#sinceMs = this.#clock.wall();
    this.#onChange?.(this.view());
  }
}
