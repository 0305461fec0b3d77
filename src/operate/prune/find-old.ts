import type { Manifest } from "../../core/description.ts";
import { parseManifest } from "../../core/manifest.ts";
import type { Scope } from "../../core/scope.ts";
import type { Listed, Sink } from "../../sdk/sink.ts";
import { inOrder } from "../repair/in-order.ts";

/** Batches in a row that are too young: those behind them are not looked at. */
const ENOUGH_YOUNG = 100;
const READ_AT_ONCE = 8;

/** What of one scope of one sink is old enough to go. */
export interface OldBatches {
  readonly scope: Scope;
  readonly old: readonly Manifest[];
  /** Everything below this end that had records is in `old`; null: the first batch stays. */
  readonly prefix: { readonly end: bigint; readonly link: string } | null;
  /** Batches that have data, and its bytes. */
  readonly keptBatches: number;
  readonly keptBytes: number;
}

interface Read {
  /** Undefined: it is gone, or has no manifest. */
  readonly data: Listed["data"] | undefined;
  /** Undefined: it is not looked at, or gone. */
  readonly bytes: Uint8Array | undefined;
}

export interface FindOldOptions {
  readonly sink: Sink;
  readonly scope: Scope;
  /** Only what ends at or before it. */
  readonly upTo: bigint;
  /** Milliseconds since the epoch: what is older may go. */
  readonly before: bigint;
  readonly now: bigint;
  /** Below this end a run before this one has said that data goes: what is missing there is no loss. */
  readonly said: bigint;
}

/**
 * A batch is as old as its newest record, or the newest of any batch before it: they were archived in
 * order, so a clock of a producer that was behind makes nothing old. Times to come count for nothing but
 * the batch itself. The newest batch always stays. A batch that has lost its data too early counts like
 * any other, and no prefix covers it: else its loss would be signed for.
 */
export async function findOld(o: FindOldOptions, signal: AbortSignal): Promise<OldBatches> {
  const { sink, scope, upTo, before, now, said } = o;
  const last = await sink.floor(scope, (1n << 63n) - 1n, signal);
  const old: Manifest[] = [];
  let [keptBatches, keptBytes, young] = [0, 0, 0];
  let newest = -(1n << 63n);
  let prefix: OldBatches["prefix"] = null;
  let unbroken = true;
  const read = async ({ start, data, manifest }: Listed): Promise<Read> => {
    const judged = manifest !== undefined && (data !== undefined || start >= said);
    const looked = judged && young < ENOUGH_YOUNG && last !== undefined && start < last.start;
    const bytes = looked ? await sink.manifest({ ...scope, start }, signal) : undefined;
    return { data: manifest === undefined ? undefined : data, bytes };
  };
  for await (const { data, bytes } of inOrder(sink.list(scope, 0n, signal), READ_AT_ONCE, read)) {
    if (data !== undefined) {
      keptBatches++;
      keptBytes += data.size;
    }
    if (bytes === undefined || young >= ENOUGH_YOUNG) continue;
    const m = parseManifest(bytes);
    // An operator's `skip`: it has nothing that could go, and keeps nothing behind it from going.
    if (m.records === 0n) continue;
    const own = m.maxTimestamp;
    if (own !== null && own > newest && own <= now) newest = own;
    const age = own !== null && own > newest ? own : newest;
    if (own === null || age >= before || m.end > upTo) {
      young++;
      unbroken = false;
      continue;
    }
    young = 0;
    if (data === undefined) continue;
    old.push(m);
    if (unbroken) prefix = { end: m.end, link: m.link };
  }
  return { scope, old, prefix, keptBatches, keptBytes };
}
