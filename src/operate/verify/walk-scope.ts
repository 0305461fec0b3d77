import { setTimeout } from "node:timers/promises";
import { blake3 } from "@napi-rs/blake-hash";
import type { Manifest } from "../../core/description.ts";
import { manifestPath } from "../../core/layout.ts";
import type { Scope } from "../../core/scope.ts";
import { holdsOf } from "../../sdk/holds.ts";
import type { ArchiveIdentity, Sink } from "../../sdk/sink.ts";
import type { Seeds } from "./chain-check.ts";
import { ChainCheck } from "./chain-check.ts";
import type { Entry } from "./entries.ts";
import { entries, lookAgain } from "./entries.ts";
import { readManifest } from "./own-manifest.ts";
import { hashStored, readStored } from "./stored-file.ts";
import type { Tally } from "./tally.ts";

/** One batch as walked; `stored` is the BLAKE3 of the stored bytes, when they were read. */
export interface Walked {
  readonly start: bigint;
  readonly manifest: Manifest | undefined;
  readonly manifestDigest: string | undefined;
  readonly stored: string | undefined;
}

/** Looks into a file whose stored bytes are given; every problem goes to the tally. */
export type DeepCheck = (
  manifest: Manifest,
  stored: Uint8Array,
  tally: Tally,
  signal: AbortSignal,
) => Promise<void>;

export interface WalkOptions {
  readonly sink: Sink;
  readonly scope: Scope;
  readonly identity: ArchiveIdentity | undefined;
  readonly seeds: Seeds;
  /** Batches after this start are newer than the beginning of the run. */
  readonly upTo: bigint | undefined;
  /** Whether a batch's file is read (`--sample`). */
  readonly reads: (start: bigint) => boolean;
  /** How long to wait for batches up to `upTo` that are not here yet. */
  readonly tailWaitMs: number;
  readonly deep: DeepCheck | undefined;
  readonly progress: (batches: number, bytes: number) => void;
}

/** Every batch of one scope of one sink, ascending, with all checks of `verify` made on the way. */
export async function* walkScope(
  options: WalkOptions,
  tally: Tally,
  signal: AbortSignal,
): AsyncGenerator<Walked> {
  const { sink, scope, upTo } = options;
  const chain = new ChainCheck(tally, options.identity, options.seeds);
  const deadline = performance.now() + options.tailWaitMs;
  let from = 0n;
  for (;;) {
    const tip: Entry[] = [];
    for await (const seen of entries(sink, scope, from, signal)) {
      const newer = upTo === undefined || seen.start > upTo;
      const entry = newer ? seen : await lookAgain(sink, scope, seen, signal);
      if (entry.manifest === undefined && tip.length < MAX_TIP) tip.push(entry);
      if (newer || entry.manifest === undefined) continue;
      for (const orphan of tip.splice(0)) yield orphaned(orphan, chain, tally);
      yield await walkOne(options, entry, chain, tally, signal);
      options.progress(1, bytesOf(entry));
      from = entry.start + 1n;
    }
    if (upTo === undefined || from > upTo || performance.now() >= deadline) {
      for (const entry of tip) await pending(options, entry, tally, signal);
      break;
    }
    // Another sink has more: beside a live daemon this one is about to get it.
    await setTimeout(TAIL_POLL_MS, undefined, { signal });
  }
  chain.finish();
}

const TAIL_POLL_MS = 250;
/** Data without manifest in a row; a daemon has a handful of batches in flight. */
const MAX_TIP = 1_000;

const bytesOf = (entry: Entry): number => entry.data.reduce((sum, file) => sum + file.size, 0);

function orphaned(entry: Entry, chain: ChainCheck, tally: Tally): Walked {
  const path = entry.data[0]?.path;
  const at = { ...(path === undefined ? {} : { path }), start: entry.start };
  const text = "has no manifest, though later batches have";
  tally.problem({ code: "data-without-manifest", ...at, text });
  chain.lose(entry.start);
  return { start: entry.start, manifest: undefined, manifestDigest: undefined, stored: undefined };
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

async function walkOne(
  options: WalkOptions,
  entry: Entry,
  chain: ChainCheck,
  tally: Tally,
  signal: AbortSignal,
): Promise<Walked> {
  const key = { ...options.scope, start: entry.start };
  const path = entry.manifest?.path ?? manifestPath(key);
  const say = (code: string, text: string): void =>
    tally.problem({ code, path, start: entry.start, text });
  const nothing = {
    start: entry.start,
    manifest: undefined,
    manifestDigest: undefined,
    stored: undefined,
  };
  const bytes = entry.manifest === undefined ? undefined : await options.sink.manifest(key, signal);
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
  const stored = await checkData(options, entry, manifest, tally, signal);
  return { start: entry.start, manifest, manifestDigest, stored };
}

async function checkData(
  options: WalkOptions,
  entry: Entry,
  manifest: Manifest,
  tally: Tally,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { seal } = manifest;
  const say = (code: string, text: string, path = seal.path): void =>
    tally.problem({ code, path, start: entry.start, text });
  for (const { path } of entry.data) {
    if (path !== seal.path)
      say("stray-data", `is not the file its manifest names, ${seal.path}`, path);
  }
  const file = entry.data.find(({ path }) => path === seal.path);
  if (file === undefined) {
    say("manifest-without-data", "is not there, though its manifest is");
    return undefined;
  }
  if (file.size !== seal.size) {
    say("size", `${file.size} bytes are stored, the manifest says ${seal.size}`);
    return undefined;
  }
  if (!options.reads(entry.start)) return undefined;
  if (holdsOf(options.sink.capabilities) !== "files") {
    // No file: the sink reads its records back and holds them against what it was given.
    const state = await options.sink.stat(manifest, "bytes", signal);
    if (state.is !== "whole")
      say("records-damaged", state.is === "damaged" ? state.reason : `is ${state.is} now`);
    return undefined;
  }
  const { digest, bytes } =
    options.deep === undefined
      ? await hashStored(options.sink, manifest, signal)
      : await readStored(options.sink, manifest, signal);
  if (digest !== seal.digest) {
    say(
      "sealed-digest",
      `the stored bytes have BLAKE3 ${digest}, the manifest says ${seal.digest}`,
    );
  }
  // A damaged file is opened all the same: what is wrong inside is worth knowing.
  if (bytes !== undefined) await options.deep?.(manifest, bytes, tally, signal);
  return digest;
}
