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

/**
 * The first sink whose amendments know a file as a next form of its batch; undefined: none. Not always the primary: one
 * that was restored to what it was before a `rewrap` has none, nor has one that keeps records.
 */
export async function knowsForm(
  sinks: readonly NamedSink[],
  file: Description,
  signal: AbortSignal,
): Promise<NamedSink | undefined> {
  for (const named of sinks) {
    const forms = await amendedFiles(named, file, signal);
    if (forms.some((form) => isSameFile(form, file))) return named;
  }
  return undefined;
}

/**
 * Whether what a sink holds is this batch with another header that the amendments of one of the sinks know: a `rewrap`
 * came between the data and the manifest there. It is the batch, and the next `rewrap` replaces the file.
 */
export async function isSameAmended(
  sinks: readonly NamedSink[],
  batch: Description,
  state: State,
  signal: AbortSignal,
): Promise<boolean> {
  if (state.is !== "data" && state.is !== "whole") return false;
  const found = state.is === "data" ? state.description : descriptionOf(state.manifest);
  for (const named of sinks) {
    const forms = await amendedFiles(named, batch, signal);
    const knows = (file: Description) => forms.some((form) => isSameFile(form, file));
    if (knows(found) && knows(batch)) return true;
  }
  return false;
}

const isSameFile = (a: Description, b: Description): boolean =>
  encodeDescription(a) === encodeDescription(b);

/** Before the manifest, which means that everything is there. A sink that keeps no files needs none. */
export async function passAmendments(
  from: NamedSink,
  to: NamedSink,
  key: BatchKey,
  signal: AbortSignal,
): Promise<void> {
  if (from === to || to.sink.amend === undefined) return;
  for (const bytes of (await from.sink.amendments?.(key, signal)) ?? []) {
    const amendment = parseAmendment(bytes);
    if ((await to.sink.amend(key, amendment, signal)) === "equal") continue;
    const text = `sink ${to.name} has another amendment ${amendment.number} of ${amendment.batchId}`;
    throw new SinkConflict("sink-conflict", to, text);
  }
}
