import type { Plan } from "../core/plan.ts";
import type { Random } from "../core/ports.ts";
import type { TaskPorts } from "../pipeline/ports.ts";
import type { SealRecipe } from "../seal/recipe.ts";

const SALT_BYTES = 16;

/** What the configuration says of sealing, resolved. */
export interface SealSettings {
  readonly archiveId: string;
  readonly clusterId: string;
  readonly format: SealRecipe["format"];
  readonly codec: SealRecipe["codec"];
  readonly level: number;
  readonly recompress: SealRecipe["recompress"];
  readonly onPoison: SealRecipe["onPoison"];
  readonly recipients: readonly string[];
  /** Ids of the seeds at hand, the active one first; empty without encryption. */
  readonly keyIds: readonly string[];
  readonly withRecordsDigest: boolean;
}

/**
 * The recipe of the configuration with a fresh salt, or the one a plan says: the same plan makes the
 * same bytes. A plan whose key is not at hand cannot be followed; the result then differs from the
 * plan and counts as a new candidate.
 */
export function recipes(s: SealSettings, random: Random): TaskPorts["recipe"] {
  return (plan: Plan | null, revision: number): SealRecipe => {
    const { archiveId, clusterId, recompress, onPoison, withRecordsDigest } = s;
    const common = { archiveId, clusterId, recompress, onPoison };
    const settings = { ...common, withRecordsDigest, revision };
    if (plan === null) {
      const { format, codec, level } = s;
      return { ...settings, format, codec, level, encryption: encryptionOf(s, null, null, random) };
    }
    const { format, codec, level, keyId, salt } = plan;
    const encryption = keyId === null ? null : encryptionOf(s, keyId, salt, random);
    return { ...settings, format, codec, level, encryption };
  };
}

function encryptionOf(
  s: SealSettings,
  keyId: string | null,
  salt: string | null,
  random: Random,
): SealRecipe["encryption"] {
  const active = s.keyIds[0];
  if (active === undefined) return null;
  const known = keyId !== null && s.keyIds.includes(keyId);
  return {
    recipients: [...s.recipients],
    keyId: known ? keyId : active,
    salt: known && salt !== null ? salt : Buffer.from(random.bytes(SALT_BYTES)).toString("hex"),
  };
}
