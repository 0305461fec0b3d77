import type { Budget } from "../core/budget.ts";

/** A partition that would fill a batch. */
export interface Applicant {
  /** What a batch costs while it is filled and sealed: raw and sealed bytes. */
  readonly costBytes: number;
  /** Batches of it that hold memory already. */
  inFlight(): number;
  /**
   * How long its oldest record waits, in milliseconds, when it needs a turn; null when it can wait.
   * `plenty`: there is room for every partition at once, nobody has to wait for a backlog.
   */
  urgencyMs(now: number, plenty: boolean): number | null;
  granted(byTurns: boolean): void;
}

/**
 * Filling by turns (design §2): Kafka is the buffer. Partitions fill only while the budget has room;
 * those with the fewest batches under way come first, then those whose records wait longest.
 */
export class Turns {
  readonly #budget: Budget;
  readonly #now: () => number;
  readonly #members = new Map<Applicant, "idle" | "asking">();
  #granting = false;

  constructor(budget: Budget, now: () => number) {
    this.#budget = budget;
    this.#now = now;
    budget.onRelease(() => this.grant());
  }

  join(a: Applicant): void {
    this.#members.set(a, "idle");
  }

  leave(a: Applicant): void {
    this.#members.delete(a);
  }

  ask(a: Applicant): void {
    if (!this.#members.has(a)) return;
    this.#members.set(a, "asking");
    this.grant();
  }

  withdraw(a: Applicant): void {
    if (this.#members.has(a)) this.#members.set(a, "idle");
  }

  /** True when every partition may fill at once. */
  plenty(): boolean {
    let cost = 0;
    for (const a of this.#members.keys()) cost += a.costBytes;
    return cost <= this.#budget.limitBytes;
  }

  /** Called on every release, on every request and by the daemon's tick. */
  grant(): void {
    if (this.#granting) return;
    this.#granting = true;
    try {
      const plenty = this.plenty();
      for (const a of this.#waiting(plenty)) {
        if (!this.#budget.tryReserve(a.costBytes)) break;
        this.#members.set(a, "idle");
        a.granted(!plenty);
      }
    } finally {
      this.#granting = false;
    }
  }

  #waiting(plenty: boolean): Applicant[] {
    const now = this.#now();
    const waiting: { a: Applicant; urgencyMs: number; inFlight: number }[] = [];
    for (const [a, state] of this.#members) {
      if (state !== "asking") continue;
      const urgencyMs = a.urgencyMs(now, plenty);
      if (urgencyMs !== null) waiting.push({ a, urgencyMs, inFlight: a.inFlight() });
    }
    waiting.sort((x, y) => x.inFlight - y.inFlight || y.urgencyMs - x.urgencyMs);
    return waiting.map((w) => w.a);
  }
}
