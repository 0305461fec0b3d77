import { blake3 } from "@napi-rs/blake-hash";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { manifestPath } from "../../core/layout.ts";
import type { Clock } from "../../core/ports.ts";
import type { Scope } from "../../core/scope.ts";
import { nodeClock } from "../../daemon/node-ports.ts";
import type { Sink } from "../../sdk/sink.ts";
import { KeyFilters } from "../index/key-filters.ts";
import { inOrder } from "../repair/in-order.ts";
import { ChainCheck, type Vouchers } from "./chain-check.ts";
import type { Entry } from "./entries.ts";
import { entries, lookAgain } from "./entries.ts";
import { IndexWitness, type WitnessOptions } from "./index-witness.ts";
import { readManifest } from "./own-manifest.ts";
import { checkData, type DataOptions, type DataSeen, NOTHING_SEEN } from "./stored-data.ts";
import type { Tally } from "./tally.ts";

/** One batch as walked, and what of its data was seen. */
export interface Walked extends DataSeen {
  readonly start: bigint;
  readonly manifest: Manifest | undefined;
  readonly manifestDigest: string | undefined;
}

export interface WalkOptions extends DataOptions {
  readonly sink: Sink;
  readonly scope: Scope;
  readonly vouchers: Vouchers;
  /** Batches after this start are newer than the beginning of the run. */
  readonly upTo: bigint | undefined;
  readonly index: Pick<WitnessOptions, "use" | "names" | "seed">;
  /** How long to wait for batches up to `upTo` that are not here yet. */
  readonly tailWaitMs: number;
  /** By which it waits. @default that of the machine */
  readonly clock?: Clock | undefined;
  readonly progress: (batches: number, bytes: number) => void;
}

/** Every batch of one scope of one sink, ascending, with all checks of `verify` made on the way. */
export async function* walkScope(
  options: WalkOptions,
  tally: Tally,
  signal: AbortSignal,
): AsyncGenerator<Walked> {
  const { sink, scope, upTo, clock = nodeClock } = options;
  const chain = new ChainCheck(tally, options.vouchers);
  const filters = new KeyFilters(sink, scope);
  const index = new IndexWitness({ sink, scope, ...options.index }, tally);
  const deadline = clock.now() + options.tailWaitMs;
  let from = 0n;
  for (;;) {
    const tip: Entry[] = [];
    const isNewer = ({ start }: Entry): boolean => upTo === undefined || start > upTo;
    // A store far away answers one small read as slowly as many.
    const listing = index.beside(entries(sink, scope, from, signal), signal);
    const ahead = inOrder(listing, AHEAD, async (both) => {
      const { seen } = both;
      const due = seen.manifest !== undefined && !isNewer(seen);
      const stands = due && index.standsFor(both);
      const read = due && !stands ? await manifestOf(options, seen.start, signal) : undefined;
      return { both, read: stands ? both.line?.bytes : read, stands };
    });
    for await (const { both, read, stands } of ahead) {
      const { seen } = both;
      const newer = isNewer(seen);
      const entry = newer ? seen : await lookAgain(sink, scope, seen, signal);
      if (entry.manifest === undefined && tip.length < MAX_TIP) tip.push(entry);
      if (newer || entry.manifest === undefined) continue;
      for (const orphan of tip.splice(0)) yield orphaned(orphan, chain, tally);
      if (read instanceof Uint8Array) index.met(both, stands ? undefined : read);
      yield await walkOne({ ...options, filters }, { entry, read }, chain, tally, signal);
      options.progress(1, bytesOf(entry));
      from = entry.start + 1n;
    }
    if (upTo === undefined || from > upTo || clock.now() >= deadline) {
      for (const entry of tip) await pending(options, entry, tally, signal);
      break;
    }
    // Another sink has more: beside a live daemon this one is about to get it.
    await clock.sleep(TAIL_POLL_MS, signal);
  }
  await index.finish(signal);
  chain.finish();
}

const TAIL_POLL_MS = 250;
/** Manifests read before their turn. */
const AHEAD = 16;
/** Data without manifest in a row; a daemon has a handful of batches in flight. */
const MAX_TIP = 1_000;

const bytesOf = (entry: Entry): number => entry.data.reduce((sum, file) => sum + file.size, 0);

function orphaned(entry: Entry, chain: ChainCheck, tally: Tally): Walked {
  const path = entry.data[0]?.path;
  const at = { ...(path === undefined ? {} : { path }), start: entry.start };
  const text = "has no manifest, though later batches have";
  tally.problem({ code: "data-without-manifest", ...at, text });
  chain.lose(entry.start);
  return { ...NOTHING_SEEN, start: entry.start, manifest: undefined, manifestDigest: undefined };
}

/** Data whose manifest is still to come; its own description must at least hold together. */
async function pending(
  options: WalkOptions,
  seen: Entry,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  tally.pending++;
  const path = seen.data[0]?.path;
  const at = { ...(path === undefined ? {} : { path }), start: seen.start };
  const state = await options.sink.stat({ ...options.scope, start: seen.start }, "cheap", signal);
  if (state.is === "damaged") {
    tally.problem({
      code: "pending-damaged",
      ...at,
      text: `in progress and invalid: ${state.reason}`,
    });
  } else if (tally.next !== null && seen.start < tally.next) {
    tally.problem({ code: "data-without-manifest", ...at, text: "lies inside an archived range" });
  }
}

/** As stored; a text says why the sink refuses to read it (it is too large), which is that batch's fault alone. */
async function manifestOf(
  { sink, scope }: WalkOptions,
  start: bigint,
  signal: AbortSignal,
): Promise<Uint8Array | string | undefined> {
  try {
    return await sink.manifest({ ...scope, start }, signal);
  } catch (error) {
    if (!(error instanceof ArchiverError) || error.code !== "sink-permanent") throw error;
    return `cannot be read: ${error.message}`;
  }
}

async function walkOne(
  options: WalkOptions,
  { entry, read }: { readonly entry: Entry; readonly read: Uint8Array | string | undefined },
  chain: ChainCheck,
  tally: Tally,
  signal: AbortSignal,
): Promise<Walked> {
  const key = { ...options.scope, start: entry.start };
  const path = entry.manifest?.path ?? manifestPath(key);
  const say = (code: string, text: string): void =>
    tally.problem({ code, path, start: entry.start, text });
  const nothing = {
    ...NOTHING_SEEN,
    start: entry.start,
    manifest: undefined,
    manifestDigest: undefined,
  };
  const listed = entry.manifest !== undefined;
  const bytes = read ?? (listed ? await manifestOf(options, entry.start, signal) : undefined);
  if (typeof bytes === "string") {
    say("manifest-form", bytes);
    chain.lose(entry.start);
    return nothing;
  }
  if (bytes === undefined) {
    say("manifest-misplaced", `is listed, but nothing is at ${manifestPath(key)}`);
    chain.lose(entry.start);
    return nothing;
  }
  const manifestDigest = blake3(bytes).toString("hex");
  const { manifest, complaints } = readManifest(bytes, key);
  for (const { code, text } of complaints) say(code, text);
  if (manifest === undefined) {
    chain.lose(entry.start);
    return { ...nothing, manifestDigest };
  }
  chain.follow(manifest, bytes, path);
  tally.batch(manifest);
  const seen = await checkData(options, entry, manifest, tally, signal);
  return { ...seen, start: entry.start, manifest, manifestDigest };
}
