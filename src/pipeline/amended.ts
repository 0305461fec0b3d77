import { amendedForms, parseAmendment } from "../core/amendment.ts";
import type { Description } from "../core/description.ts";
import { descriptionOf, encodeDescription, parseManifest } from "../core/manifest.ts";
import type { BatchKey } from "../core/scope.ts";
import { holdsOf } from "../sdk/holds.ts";
import type { State } from "../sdk/sink.ts";
import { SinkConflict } from "./alarm.ts";
import type { NamedSink } from "./ports.ts";

/**
 * Batches whose stored file `rewrap` has made anew: the manifest is what it was, amendments beside it say
 * what is stored. Nothing here changes a file; what is copied to another sink takes its amendments along.
 */

/**
 * Who tells of a batch's amendments: the primary; where that keeps records, of which there are none, the first sink of
 * files that has any.
 */
async function amender(
  sinks: readonly NamedSink[],
  key: BatchKey,
  signal: AbortSignal,
): Promise<NamedSink | undefined> {
  const [primary] = sinks;
  if (primary === undefined || holdsFiles(primary)) return primary;
  for (const named of sinks.filter(holdsFiles)) {
    if (((await named.sink.amendments?.(key, signal)) ?? []).length > 0) return named;
  }
  return primary;
}

export const holdsFiles = (named: NamedSink): boolean =>
  holdsOf(named.sink.capabilities) === "files";

/** What the batch's file may be in a sink, the newest first; empty when there are no amendments. */
export async function amendedFiles(
  named: NamedSink,
  key: BatchKey,
  signal: AbortSignal,
): Promise<readonly Description[]> {
  const { sink } = named;
  const stored = (await sink.amendments?.(key, signal)) ?? [];
  if (stored.length === 0) return [];
  const manifest = await sink.manifest(key, signal);
  if (manifest === undefined) return [];
  const amendments = stored.map((bytes) => parseAmendment(bytes));
  const forms = amendedForms(parseManifest(manifest), amendments);
  if (typeof forms === "string") throw new SinkConflict("primary-invalid", named, forms);
  return forms.map((form) => descriptionOf(form));
}

/** What the batch's file may be by what is known of its amendments, the newest first. */
export async function formsKnown(
  sinks: readonly NamedSink[],
  key: BatchKey,
  signal: AbortSignal,
): Promise<readonly Description[]> {
  const from = await amender(sinks, key, signal);
  return from === undefined ? [] : amendedFiles(from, key, signal);
}

/**
 * Whether what a sink holds is the primary's batch with another header that the amendments know: a `rewrap` came
 * between the data and the manifest there. It is the batch, and the next `rewrap` replaces the file.
 */
export async function isSameAmended(
  sinks: readonly NamedSink[],
  batch: Description,
  state: State,
  signal: AbortSignal,
): Promise<boolean> {
  if (state.is !== "data" && state.is !== "whole") return false;
  const found = state.is === "data" ? state.description : descriptionOf(state.manifest);
  const forms = await formsKnown(sinks, batch, signal);
  return forms.some((form) => encodeDescription(form) === encodeDescription(found));
}

/** Before the manifest, which means that everything is there. A sink that keeps no files needs none. */
export async function passAmendments(
  sinks: readonly NamedSink[],
  to: NamedSink,
  key: BatchKey,
  signal: AbortSignal,
): Promise<void> {
  if (to.sink.amend === undefined) return;
  const from = await amender(sinks, key, signal);
  for (const bytes of (await from?.sink.amendments?.(key, signal)) ?? []) {
    const amendment = parseAmendment(bytes);
    if ((await to.sink.amend(key, amendment, signal)) === "equal") continue;
    const text = `sink ${to.name} has another amendment ${amendment.number} of ${amendment.batchId}`;
    throw new SinkConflict("sink-conflict", to, text);
  }
}
