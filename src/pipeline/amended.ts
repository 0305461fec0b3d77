import { amendedForms, parseAmendment } from "../core/amendment.ts";
import type { Description } from "../core/description.ts";
import { descriptionOf, encodeDescription, parseManifest } from "../core/manifest.ts";
import type { BatchKey } from "../core/scope.ts";
import type { State } from "../sdk/sink.ts";
import { SinkConflict } from "./alarm.ts";
import type { NamedSink } from "./ports.ts";

/**
 * Batches whose stored file `rewrap` has made anew: the manifest is what it was, amendments beside it say
 * what is stored. Nothing here changes a file; what is copied to another sink takes its amendments along.
 */

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

/**
 * Whether what a sink holds is the primary's batch with another header that its amendments know: a `rewrap` came
 * between the data and the manifest there. It is the batch, and the next `rewrap` replaces the file.
 */
export async function isSameAmended(
  primary: NamedSink,
  batch: Description,
  state: State,
  signal: AbortSignal,
): Promise<boolean> {
  if (state.is !== "data" && state.is !== "whole") return false;
  const found = state.is === "data" ? state.description : descriptionOf(state.manifest);
  const forms = await amendedFiles(primary, batch, signal);
  return forms.some((form) => encodeDescription(form) === encodeDescription(found));
}

/** Before the manifest, which means that everything is there. A sink that keeps no files needs none. */
export async function passAmendments(
  from: NamedSink,
  to: NamedSink,
  key: BatchKey,
  signal: AbortSignal,
): Promise<void> {
  if (to.sink.amend === undefined) return;
  for (const bytes of (await from.sink.amendments?.(key, signal)) ?? []) {
    const amendment = parseAmendment(bytes);
    if ((await to.sink.amend(key, amendment, signal)) === "equal") continue;
    const text = `sink ${to.name} has another amendment ${amendment.number} of ${amendment.batchId}`;
    throw new SinkConflict("sink-conflict", to, text);
  }
}
