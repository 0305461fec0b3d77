import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { parseManifest } from "../../core/manifest.ts";
import type { Scope } from "../../core/scope.ts";
import type { RepairContext } from "./context.ts";
import { type Named, objection } from "./verified.ts";

/** What the sinks say of one position. */
export interface Survey {
  /** Manifests of a batch that begins here, the primary's first; each valid by itself. */
  readonly here: readonly { readonly named: Named; readonly manifest: Manifest }[];
  /** A batch that holds the position and begins before it. */
  readonly across: { readonly named: Named; readonly manifest: Manifest } | null;
  /** What stands there and is no valid manifest of this archive. */
  readonly refused: readonly { readonly named: Named; readonly text: string }[];
}

/** Asks every sink which batch holds or begins at an offset. */
export async function survey(
  repair: RepairContext,
  sinks: readonly Named[],
  scope: Scope,
  at: bigint,
): Promise<Survey> {
  const { signal } = repair;
  const found = await Promise.all(
    sinks.map(async (named) => {
      const own = await manifestAt(repair, named, scope, at);
      if (own !== undefined) return { named, own, floor: undefined };
      return { named, own, floor: at === 0n ? undefined : await floorOf(named, scope, at, signal) };
    }),
  );
  const here = found.flatMap(({ named, own }) =>
    own === undefined || typeof own === "string" ? [] : [{ named, manifest: own }],
  );
  const refused = found.flatMap(({ named, own }) =>
    typeof own === "string" ? [{ named, text: own }] : [],
  );
  const across = found.flatMap(({ named, floor }) =>
    floor !== undefined && floor.start < at && floor.end > at ? [{ named, manifest: floor }] : [],
  );
  return { here, refused, across: across[0] ?? null };
}

/** The manifest of a batch that begins there; a text says why it does not count. */
async function manifestAt(
  repair: RepairContext,
  named: Named,
  scope: Scope,
  start: bigint,
): Promise<Manifest | string | undefined> {
  const bytes = await named.sink.manifest({ ...scope, start }, repair.signal);
  if (bytes === undefined) return undefined;
  try {
    const manifest = parseManifest(bytes);
    if (manifest.start !== start) return `it is the manifest of the batch at ${manifest.start}`;
    return objection(manifest, scope, repair) ?? manifest;
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "manifest-invalid") return error.message;
    throw error;
  }
}

/** The greatest manifest at or before the offset; one that cannot be read counts as none. */
export async function floorOf(
  named: Named,
  scope: Scope,
  at: bigint,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  try {
    return await named.sink.floor(scope, at, signal);
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "manifest-invalid") return undefined;
    throw error;
  }
}

/** Where the next batch after `at` begins in any sink; null: nowhere. */
export async function nextStart(
  repair: RepairContext,
  sinks: readonly Named[],
  scope: Scope,
  at: bigint,
): Promise<bigint | null> {
  let least: bigint | null = null;
  for (const { sink } of sinks) {
    for await (const { start, manifest } of sink.list(scope, at + 1n, repair.signal)) {
      if (manifest === undefined || start <= at) continue;
      if (least === null || start < least) least = start;
      break;
    }
  }
  return least;
}
