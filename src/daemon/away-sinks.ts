import { scopeText } from "../core/scope.ts";
import type { Fetcher } from "../kafka/fetcher.ts";
import { isAttached } from "../pipeline/state.ts";
import type { OpenedSink } from "./open-sinks.ts";
import type { Partition } from "./partitions.ts";

/** Part of a log that is left before the position when its end by retention counts as near. */
const NEAR = 10n;

export interface AwayPorts {
  readonly sinks: readonly OpenedSink[];
  readonly partitions: Iterable<Partition>;
}

/** Rule 12: after `whenAway.detach` without a good answer the others go on without a sink. */
export function detachAway({ sinks, partitions }: AwayPorts): void {
  for (const [i, { detachMs, health, claim }] of sinks.entries()) {
    if (detachMs === null) continue;
    if (health.failingMs() < detachMs && claim.done) continue;
    for (const { task } of partitions) task.dispatch({ of: "detach", sink: i });
  }
}

/**
 * Records that wait in Kafka for a sink may be taken by retention before it is back: said once, and a
 * failing sink that may be away is then detached before its time.
 */
export class RetentionGuard {
  readonly #fetcher: Fetcher;
  readonly #warn: (text: string) => void;
  readonly #said = new WeakSet<Partition>();

  constructor(fetcher: Fetcher, warn: (text: string) => void) {
    this.#fetcher = fetcher;
    this.#warn = warn;
  }

  async look({ sinks, partitions }: AwayPorts, signal: AbortSignal): Promise<void> {
    const waiting = [...partitions].filter(({ task }) => task.state.slots[0]?.ready === true);
    const at = waiting.map(({ scope }) => ({ topic: scope.topic, partition: scope.partition }));
    if (at.length === 0) return;
    for (const found of await this.#fetcher.offsets(at, "earliest", signal)) {
      const p = waiting.find(
        ({ scope }) => scope.topic === found.topic && scope.partition === found.partition,
      );
      if (p !== undefined) this.#judge(p, found.offset, sinks);
    }
  }

  #judge(p: Partition, logStart: bigint, sinks: readonly OpenedSink[]): void {
    const { state } = p.task;
    const position = state.slots[0]?.start ?? state.position;
    const end = p.endOffset ?? position;
    if (end <= logStart || (position - logStart) * NEAR > end - logStart || logStart === 0n) return;
    const failing = sinks.filter(
      (o, i) =>
        isAttached(state, i) &&
        state.slots[0]?.steps[i] !== "whole" &&
        o.health.view().state !== "ok",
    );
    if (failing.length === 0) return;
    if (!this.#said.has(p)) {
      this.#said.add(p);
      const names = failing.map((o) => o.name).join(", ");
      this.#warn(
        `${scopeText(p.scope)}: retention has come to offset ${logStart}, and ${position} waits for ${names}`,
      );
    }
    for (const o of failing) {
      if (o.mayBeAway) p.task.dispatch({ of: "detach", sink: sinks.indexOf(o) });
    }
  }
}

/** Copies into one sink come one after another, so that what they hold in memory is bounded. */
export class CopyTurns {
  readonly #last = new Map<number, Promise<unknown>>();

  run<T>(sink: number, copy: () => Promise<T>): Promise<T> {
    const before = this.#last.get(sink) ?? Promise.resolve();
    const turn = before.then(copy, copy);
    this.#last.set(sink, turn);
    return turn;
  }
}
