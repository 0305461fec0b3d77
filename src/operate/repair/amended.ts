import { type Amendment, amended, amendmentMacOk, parseAmendment } from "../../core/amendment.ts";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { Sink } from "../../sdk/sink.ts";
import { manifestMacKey, type Seed } from "../../seal/keys.ts";

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
  sink: Sink,
  m: Manifest,
  seeds: readonly Seed[],
  signal: AbortSignal,
): Promise<AmendedBatch> {
  const stored = (await sink.amendments?.(m, signal)) ?? [];
  const amendments = stored.map((bytes) => parseAmendment(bytes));
  const now = amended(m, amendments);
  if (typeof now === "string") throw new ArchiverError("manifest-invalid", now);
  const seed = seeds.find((s) => s.keyId === m.seal.keyId);
  if (seed === undefined) return { amendments, now };
  const macKey = manifestMacKey(seed.secret);
  const wrong = amendments.find((a) => !amendmentMacOk(a, macKey));
  if (wrong === undefined) return { amendments, now };
  const text = `amendment ${wrong.number} of ${m.batchId}: its MAC is not that of the seed`;
  throw new ArchiverError("manifest-invalid", text);
}
