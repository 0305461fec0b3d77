import { amendedForms, parseAmendment } from "../core/amendment.ts";
import type { Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Sink } from "../sdk/sink.ts";

/**
 * A batch's manifest with its file as it is stored now: `rewrap` leaves amendments beside the manifest.
 * Only an encrypted file can have been rewrapped, so nobody else pays for looking.
 * @throws ArchiverError manifest-invalid
 */
export async function storedForm(sink: Sink, m: Manifest, signal: AbortSignal): Promise<Manifest> {
  if (m.seal.encryption === "none" || sink.amendments === undefined) return m;
  const stored = await sink.amendments(m, signal);
  if (stored.length === 0) return m;
  const forms = amendedForms(
    m,
    stored.map((bytes) => parseAmendment(bytes)),
  );
  if (typeof forms === "string") throw new ArchiverError("manifest-invalid", forms);
  return formThere(sink, m, forms, signal);
}

/** Of an amendment whose file is still to come the sink tells which file it has. */
export async function formThere(
  sink: Sink,
  m: Manifest,
  forms: readonly Manifest[],
  signal: AbortSignal,
): Promise<Manifest> {
  const state = await sink.stat(m, "bytes", signal);
  const digest = state.is === "whole" ? state.manifest.seal.digest : undefined;
  return forms.find((form) => form.seal.digest === digest) ?? m;
}
