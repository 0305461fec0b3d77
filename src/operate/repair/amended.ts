import { type Amendment, amended, amendmentMacOk, parseAmendment } from "../../core/amendment.ts";
import type { Manifest } from "../../core/description.ts";
import { blake3Hex } from "../../core/digest.ts";
import { ArchiverError } from "../../core/errors.ts";
import { manifestMacKey, type Seed } from "../../seal/keys.ts";
import { certain, type Look } from "./certain.ts";
import type { Named } from "./verified.ts";

export interface AmendedBatch {
  readonly amendments: readonly Amendment[];
  /** With its file as it is stored now; the link and what was archived are those of the manifest. */
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
