import {
  type Amendment,
  amended,
  amendedForms,
  amendmentMacOk,
  parseAmendment,
} from "../../core/amendment.ts";
import type { Manifest } from "../../core/description.ts";
import { blake3Hex } from "../../core/digest.ts";
import { ArchiverError } from "../../core/errors.ts";
import { manifestMacKey, type Seed } from "../../seal/keys.ts";
import { formThere } from "../stored-form.ts";
import { certain, type Look } from "./certain.ts";
import type { Named } from "./verified.ts";

export interface AmendedBatch {
  readonly amendments: readonly Amendment[];
  /** With its file as it is, or is to become; the link and what was archived are those of the manifest. */
  readonly now: Manifest;
}

/**
 * A batch as `rewrap` left it in a sink. With seeds the MACs are checked.
 * @throws ArchiverError manifest-invalid
 */
export async function amendedBatch(
  named: Named,
  m: Manifest,
  seeds: readonly Seed[],
  signal: AbortSignal,
): Promise<AmendedBatch> {
  const seed = seeds.find((s) => s.keyId === m.seal.keyId);
  const stored = await storedOf(named, m, seed === undefined, signal);
  const amendments = stored.map((bytes) => parseAmendment(bytes));
  const now = amended(m, amendments);
  if (typeof now === "string") throw new ArchiverError("manifest-invalid", now);
  if (seed === undefined) return { amendments, now };
  const macKey = manifestMacKey(seed.secret);
  const wrong = amendments.find((a) => !amendmentMacOk(a, macKey));
  if (wrong === undefined) return { amendments, now };
  const text = `amendment ${wrong.number} of ${m.batchId}: its MAC is not that of the seed`;
  throw new ArchiverError("manifest-invalid", text);
}

/**
 * The same, with the file that the sink has: where a `rewrap` was interrupted that is one from before its newest
 * amendments, and the next `rewrap` replaces it. What is in the clear was never rewrapped.
 * @throws ArchiverError manifest-invalid
 */
export async function storedBatch(
  named: Named,
  m: Manifest,
  seeds: readonly Seed[],
  signal: AbortSignal,
): Promise<AmendedBatch> {
  if (m.seal.encryption === "none") return { amendments: [], now: m };
  const { amendments } = await amendedBatch(named, m, seeds, signal);
  if (amendments.length === 0) return { amendments, now: m };
  const forms = amendedForms(m, amendments);
  if (typeof forms === "string") throw new ArchiverError("manifest-invalid", forms);
  return { amendments, now: await formThere(named.sink, m, forms, signal) };
}

/** `twice`: there is no MAC that would tell what was read wrong, so two looks have to agree. */
async function storedOf(
  named: Named,
  m: Manifest,
  twice: boolean,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const look = async (): Promise<Look<readonly Uint8Array[]>> => {
    const value = (await named.sink.amendments?.(m, signal)) ?? [];
    return { value, seen: value.map(blake3Hex).join(" ") };
  };
  const { value, seen } = await look();
  return twice && value.length > 0 ? certain(named, m, look, seen) : value;
}
