import type { Sink } from "./sink.ts";
import { crashCases } from "./conformance-crash.ts";
import { lookCases } from "./conformance-look.ts";
import { publishCases } from "./conformance-publish.ts";
import { raceCases } from "./conformance-race.ts";
import type { SealedBatch } from "./sink.ts";

/**
 * The conformance kit: what every sink has to hold, run on its real server. A sink's own test makes
 * a test of each case: `for (const c of conformance) test(c.name, () => c.run(target))`.
 */
export interface ConformanceTarget {
  /** A new, empty place for an archive; `address` is what `open` of the module needs to find it. */
  place(): Promise<ConformancePlace>;
  /**
   * URL of a module that exports `openSink(address: string): Promise<Sink>`. Writers that race or
   * are killed run in processes of their own and load it.
   */
  readonly module: URL;
}

export interface ConformancePlace {
  readonly address: string;
  /** Another instance on the same place, as another process would have. */
  open(): Promise<Sink>;
  /** Loses what describes a batch that has no manifest yet, as a store might; where that can be. */
  loseDescription?(batch: SealedBatch): Promise<void>;
  /** Changes one byte of a batch's data in place. */
  damage(batch: SealedBatch): Promise<void>;
  /** Everything visible under final names, whichever way the store itself lists it. */
  finalNames(): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

export interface ConformanceCase {
  readonly name: string;
  /** What it may take on a slow machine. */
  readonly timeoutMs: number;
  run(target: ConformanceTarget): Promise<void>;
}

export const conformance: readonly ConformanceCase[] = [
  ...publishCases,
  ...lookCases,
  ...raceCases,
  ...crashCases,
];
