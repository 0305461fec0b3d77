import { blake3, Blake3Hasher } from "@napi-rs/blake-hash";
import type { Manifest } from "../../core/description.ts";
import { manifestPath } from "../../core/layout.ts";
import type { Scope } from "../../core/scope.ts";
import type { ArchiveIdentity, Listed, Sink } from "../../sdk/sink.ts";
import type { MacKeys } from "./chain-check.ts";
import { ChainCheck } from "./chain-check.ts";
import { readManifest } from "./own-manifest.ts";
import type { Tally } from "./tally.ts";

/** What a quick listing at the start showed: the frame of everything that follows. */
export interface Survey {
  readonly entries: number;
  readonly bytes: number;
  /** Start of the last batch with data and manifest; what comes after it is newer or in progress. */
  readonly last: bigint | undefined;
}

/** One batch as walked; `stored` is the BLAKE3 of the stored bytes, when they were read. */
export interface Walked {
  readonly start: bigint;
  readonly manifest: Manifest | undefined;
  readonly manifestDigest: string | undefined;
  readonly stored: string | undefined;
}

/** Looks into an opened file; names every problem by itself. */
export type DeepCheck = (manifest: Manifest, tally: Tally, signal: AbortSignal) => Promise<void>;

export interface WalkOptions {
  readonly sink: Sink;
  readonly scope: Scope;
  readonly identity: ArchiveIdentity | undefined;
  readonly macKeys: MacKeys;
  /** Batches after this start are newer than the beginning of the run. */
  readonly upTo: bigint | undefined;
  /** Whether a batch's file is read (`--sample`). */
  readonly reads: (start: bigint) => boolean;
  readonly deep: DeepCheck | undefined;
  readonly progress: (batches: number, bytes: number) => void;
}

export async function survey(sink: Sink, scope: Scope, signal: AbortSignal): Promise<Survey> {
  let entries = 0;
  let bytes = 0;
  let last: bigint | undefined;
  for await (const listed of sink.list(scope, 0n, signal)) {
    entries++;
    bytes += listed.data?.size ?? 0;
    if (listed.data !== undefined && listed.manifest !== undefined) last = listed.start;
  }
  return { entries, bytes, last };
}

/** Every batch of one scope of one sink, ascending, all checks of a plain `verify` made on the way. */
export async function* walkScope(
  options: WalkOptions,
  tally: Tally,
  signal: AbortSignal,
): AsyncGenerator<Walked> {
  const chain = new ChainCheck(tally, options.identity, options.macKeys);
  for await (const seen of options.sink.list(options.scope, 0n, signal)) {
    const tip = options.upTo === undefined || seen.start > options.upTo;
    if (tip) {
      if (seen.manifest === undefined) await pending(options, seen, tally, signal);
      continue;
    }
    const listed = whole(seen) ? seen : await lookAgain(options, seen, signal);
    const walked = await walkOne(options, listed, chain, tally, signal);
    options.progress(1, listed.data?.size ?? 0);
    yield walked;
  }
  chain.finish();
}

const whole = (listed: Listed): boolean => listed.data !== undefined && listed.manifest !== undefined;

/** A listing is no snapshot: beside a live daemon one half may have come after its folder was read. */
async function lookAgain(options: WalkOptions, seen: Listed, signal: AbortSignal): Promise<Listed> {
  for await (const again of options.sink.list(options.scope, seen.start, signal)) {
    return again.start === seen.start ? again : seen;
  }
  return seen;
}

/** Data whose manifest is still to come; its own description must at least hold together. */
async function pending(
  options: WalkOptions,
  seen: Listed,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  tally.pending++;
  const { path } = seen.data ?? {};
  const state = await options.sink.stat({ ...options.scope, start: seen.start }, "cheap", signal);
  const at = { ...(path === undefined ? {} : { path }), start: seen.start };
  if (state.is === "damaged") {
    tally.problem({ code: "pending-damaged", ...at, text: `in progress and invalid: ${state.reason}` });
  } else if (tally.next !== null && seen.start < tally.next) {
    tally.problem({ code: "data-without-manifest", ...at, text: "lies inside an archived range" });
  }
}

async function walkOne(
  options: WalkOptions,
  listed: Listed,
  chain: ChainCheck,
  tally: Tally,
  signal: AbortSignal,
): Promise<Walked> {
  const key = { ...options.scope, start: listed.start };
  const path = listed.manifest?.path ?? manifestPath(key);
  const say = (code: string, text: string, where = path): void =>
    tally.problem({ code, path: where, start: listed.start, text });
  const nothing = { start: listed.start, manifest: undefined, manifestDigest: undefined, stored: undefined };
  const bytes = listed.manifest === undefined ? undefined : await options.sink.manifest(key, signal);
  if (bytes === undefined) {
    say("data-without-manifest", "has no manifest, though later batches have", listed.data?.path);
    chain.lose();
    return nothing;
  }
  const manifestDigest = blake3(bytes).toString("hex");
  const { manifest, complaints } = readManifest(bytes, key);
  for (const { code, text } of complaints) say(code, text);
  if (manifest === undefined) {
    chain.lose();
    return { ...nothing, manifestDigest };
  }
  chain.follow(manifest, bytes, path);
  tally.batch(manifest);
  const stored = await checkData(options, listed, manifest, tally, signal);
  return { start: listed.start, manifest, manifestDigest, stored };
}

async function checkData(
  options: WalkOptions,
  listed: Listed,
  manifest: Manifest,
  tally: Tally,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { seal } = manifest;
  const say = (code: string, text: string): void =>
    tally.problem({ code, path: listed.data?.path ?? seal.path, start: listed.start, text });
  if (listed.data === undefined) {
    say("manifest-without-data", `${seal.path} is not there, its manifest is`);
    return undefined;
  }
  if (listed.data.path !== seal.path) {
    say("path-rule", `the manifest names ${seal.path}`);
    return undefined;
  }
  if (listed.data.size !== seal.size) {
    say("size", `${listed.data.size} bytes are stored, the manifest says ${seal.size}`);
    return undefined;
  }
  if (!options.reads(listed.start)) return undefined;
  const { digest, bytes } = await hashStored(options.sink, manifest, signal);
  if (digest !== seal.digest) {
    say("sealed-digest", `${bytes} stored bytes have BLAKE3 ${digest}, the manifest says ${seal.digest}`);
  }
  // A damaged file is opened all the same: what is wrong inside is worth knowing.
  await options.deep?.(manifest, tally, signal);
  return digest;
}

async function hashStored(
  sink: Sink,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<{ digest: string; bytes: number }> {
  const hasher = new Blake3Hasher();
  let bytes = 0;
  for await (const piece of sink.read(manifest, { from: 0 }, signal)) {
    hasher.update(piece);
    bytes += piece.length;
  }
  return { digest: hasher.digest("hex"), bytes };
}
