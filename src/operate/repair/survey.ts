import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { encodeManifest } from "../../core/manifest.ts";
import type { BatchKey, Scope } from "../../core/scope.ts";
import { certain, certainManifest } from "./certain.ts";
import type { RepairContext } from "./context.ts";
import { manifestOf, type Named } from "./verified.ts";

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
  const manifests = await manifestsAt(repair, sinks, { ...scope, start: at });
  const found = await Promise.all(
    sinks.map(async (named, i) => {
      const own = manifests[i];
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

/**
 * The manifest of a batch that begins there; a text says why it does not count. What only one sink says is
 * looked at again: one that is read wrong, and still is a manifest, would be copied into the others.
 */
async function manifestsAt(
  repair: RepairContext,
  sinks: readonly Named[],
  key: BatchKey,
): Promise<readonly (Manifest | string | undefined)[]> {
  const { signal } = repair;
  const read = await Promise.all(sinks.map(({ sink }) => sink.manifest(key, signal)));
  return Promise.all(
    sinks.map(async (named, i) => {
      const own = read[i];
      if (own === undefined) return undefined;
      const others = read.filter((_, j) => j !== i);
      const agreed = others.some((r) => r !== undefined && Buffer.compare(r, own) === 0);
      const sure = agreed ? own : await certainManifest(named, key, own, signal);
      return sure === undefined ? undefined : manifestOf(sure, key, repair);
    }),
  );
}

/** The greatest manifest at or before the offset; one that cannot be read counts as none. */
export async function floorOf(
  named: Named,
  scope: Scope,
  at: bigint,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  return certain(named, { ...scope, start: at }, async () => {
    try {
      const value = await named.sink.floor(scope, at, signal);
      return { value, seen: value === undefined ? "" : encodeManifest(value) };
    } catch (error) {
      if (!(error instanceof ArchiverError) || error.code !== "manifest-invalid") throw error;
      return { value: undefined, seen: error.message };
    }
  });
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
