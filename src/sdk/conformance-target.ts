import type { SealedBatch, Sink } from "./sink.ts";

/** What a sink's author gives the kit: places in a real store, and ways to make trouble there. */
export interface ConformanceTarget {
  /** A new, empty place for an archive; `address` is what `open` of the module needs to find it. */
  place(): Promise<ConformancePlace>;
  /**
   * URL of a module that exports `openSink(address: string): Promise<Sink>`. Writers that race or
   * are killed run in processes of their own and load it.
   */
  readonly module: URL;
  /** How many batches the listing has. @default 10000 */
  readonly batches?: number;
  /** How many writers are killed. @default 100 */
  readonly kills?: number;
}

export interface ConformancePlace {
  readonly address: string;
  /** Another instance on the same place, as another process would have. */
  open(): Promise<Sink>;
  /**
   * An instance whose way to the store can be disturbed; `HttpFaults` does so between a sink and a
   * store over HTTP, `TcpFaults` before any other server. Left out, what needs it is not asked, and
   * the matrix says so.
   */
  openFaulty?(): Promise<FaultySink>;
  /** Loses what describes a batch that has no manifest yet, as a store might; where that can be. */
  loseDescription?(batch: SealedBatch): Promise<void>;
  /** Changes one byte of a batch's data in place. */
  damage(batch: SealedBatch): Promise<void>;
  /** Everything visible under final names, whichever way the store itself lists it. */
  finalNames(): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

export interface FaultySink {
  readonly sink: Sink;
  /** Which can be brought about; what needs another is not asked. @default all of them */
  readonly faults?: ReadonlySet<Fault>;
  /** Null ends the fault. */
  fault(fault: Fault | null): void;
  /** Closes the sink and what disturbs it. */
  close(): Promise<void>;
}

/**
 * What happens to requests:
 * - `answer-lost`: those that write arrive, and their answers are lost with the connection;
 * - `torn`: the connection is cut in the middle of one that writes;
 * - `slow`: every one takes some tenths of a second longer;
 * - `stuck`: none is answered;
 * - `late`: those that write are held, and arrive when the fault ends, whoever still waits for them;
 * - `busy`: every one is answered 429 with `Retry-After: 2`;
 * - `unavailable`, `unauthorized`, `forbidden`: every one is answered 503, 401, 403.
 */
export type Fault =
  | "answer-lost"
  | "torn"
  | "slow"
  | "stuck"
  | "late"
  | "busy"
  | "unavailable"
  | "unauthorized"
  | "forbidden";
