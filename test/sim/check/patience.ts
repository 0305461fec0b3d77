import { Violation } from "./violation.ts";

/** What is known of one process and one of its sinks. */
interface Known {
  readonly detachMs: number | null;
  failingSince: number | null;
}

/**
 * Nobody goes on without a sink before it has failed for as long as its configuration says, whatever
 * the clock on the wall does meanwhile (rule 12).
 */
export class Patience {
  readonly #now: () => number;
  readonly #sinks: ReadonlyMap<string, Known>;

  constructor(
    sinks: readonly { readonly name: string; readonly detachMs: number | null }[],
    now: () => number,
  ) {
    this.#now = now;
    this.#sinks = new Map(
      sinks.map(({ name, detachMs }) => [name, { detachMs, failingSince: null }]),
    );
  }

  health(name: string, state: string): void {
    const known = this.#sinks.get(name);
    if (known === undefined) return;
    if (state === "ok") known.failingSince = null;
    else known.failingSince ??= this.#now();
  }

  /** @throws Violation unless the process has waited long enough */
  detached(name: string): void {
    const known = this.#sinks.get(name);
    const { detachMs = null, failingSince = null } = known ?? {};
    const ms = failingSince === null ? 0 : this.#now() - failingSince;
    if (detachMs !== null && ms >= detachMs) return;
    const text = `${name} was gone on without after it had failed for ${ms} ms, not ${detachMs}`;
    throw new Violation("patience", text);
  }
}
