import type { Scope } from "../../core/scope.ts";
import type { Listed, Sink } from "../../sdk/sink.ts";

/** Everything listed under one start: one data file and one manifest, if all is well. */
export interface Entry {
  readonly start: bigint;
  readonly data: readonly NonNullable<Listed["data"]>[];
  readonly manifest: NonNullable<Listed["manifest"]> | undefined;
}

/** What a quick listing at the start showed: the frame of everything that follows. */
export interface Survey {
  readonly entries: number;
  readonly bytes: number;
  /** Start of the last batch that has a manifest; what comes after it is newer or in progress. */
  readonly last: bigint | undefined;
}

/**
 * More files of one start than a start can have names: something is wrong with the sink's listing.
 */
const MAX_FILES = 64;

/** The sink's listing, one entry per start, ascending. */
export async function* entries(
  sink: Sink,
  scope: Scope,
  from: bigint,
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  let open:
    | { start: bigint; data: NonNullable<Listed["data"]>[]; manifest: Entry["manifest"] }
    | undefined;
  for await (const { start, data, manifest } of sink.list(scope, from, signal)) {
    if (open === undefined || open.start !== start) {
      if (open !== undefined) yield open;
      open = { start, data: [], manifest: undefined };
    }
    if (data !== undefined && open.data.length < MAX_FILES) open.data.push(data);
    open.manifest ??= manifest;
  }
  if (open !== undefined) yield open;
}

export async function survey(sink: Sink, scope: Scope, signal: AbortSignal): Promise<Survey> {
  let count = 0;
  let bytes = 0;
  let last: bigint | undefined;
  for await (const { start, data, manifest } of entries(sink, scope, 0n, signal)) {
    count++;
    bytes += data.reduce((sum, file) => sum + file.size, 0);
    if (manifest !== undefined) last = start;
  }
  return { entries: count, bytes, last };
}

/**
 * A listing is no snapshot: beside a live daemon one half may have come after its folder was read.
 */
export async function lookAgain(
  sink: Sink,
  scope: Scope,
  seen: Entry,
  signal: AbortSignal,
): Promise<Entry> {
  if (seen.data.length > 0 && seen.manifest !== undefined) return seen;
  for await (const again of entries(sink, scope, seen.start, signal)) {
    return again.start === seen.start ? again : seen;
  }
  return seen;
}
