import type { Cut } from "../core/cut.ts";
import type { Description } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import { type Scope, scopeText } from "../core/scope.ts";
import type { Signer } from "../core/signature.ts";
import type { Fetcher } from "../kafka/fetcher.ts";
import { epochAtEnd } from "../pipeline/links.ts";
import { markOf } from "../pipeline/marks.ts";
import type { Judge } from "../pipeline/ports.ts";
import { contentCheck, manifestMacKey, type Seed } from "../seal/keys.ts";
import type { CutSealer } from "../seal/pool.ts";
import type { SealRecipe } from "../seal/recipe.ts";
import { sameRange } from "./range.ts";

export interface JudgeOptions {
  readonly archiveId: string;
  readonly clusterId: string;
  /** The active one first; empty without encryption. */
  readonly seeds: readonly Seed[];
  /** Left out or null: data stays for ever. */
  readonly retentionMs?: number | null;
  /** Left out: manifests are not signed. */
  readonly signer?: Signer | null;
  readonly sealer: CutSealer;
  readonly fetcher: Fetcher;
  readonly scope: Scope;
  readonly clock: Clock;
}

/**
 * Whether a batch that lies in a sink may count (rule 3). Its digest was checked on reading; here:
 * is it of this archive and partition, and does its content equal the plan's, or Kafka's while Kafka
 * has it, or does the seed vouch for it.
 */
export function judgeOf(o: JudgeOptions): Judge {
  const macKeys = new Map(o.seeds.map((s) => [s.keyId, manifestMacKey(s.secret)]));
  const active = macKeys.get(o.seeds[0]?.keyId ?? "") ?? null;
  return {
    macKeyOf: ({ seal }) => macKeys.get(seal.keyId ?? "") ?? active,
    expired: ({ maxTimestamp }) => {
      const keptMs = o.retentionMs ?? null;
      if (keptMs === null || maxTimestamp === null) return false;
      return maxTimestamp < BigInt(Math.floor(o.clock.wall())) - BigInt(keptMs);
    },
    signer: o.signer ?? null,
    otherContent: (d, cut, signal) => otherContent(o, d, cut, signal),
    objection: async ({ description: d }, plan, signal) => {
      const foreign = foreignTo(o, d);
      if (foreign !== null) return foreign;
      if (plan !== null && plan.end === d.end && markOf(plan.content) === markOf(d.content))
        return null;
      return comparedWithKafka(o, d, signal);
    },
  };
}

function foreignTo(o: JudgeOptions, d: Description): string | null {
  if (d.archiveId !== o.archiveId) return `it is of archive ${d.archiveId}, this is ${o.archiveId}`;
  if (d.clusterId !== o.clusterId) return `it is of cluster ${d.clusterId}, this is ${o.clusterId}`;
  if (scopeText(d) !== scopeText(o.scope)) return `it is of ${scopeText(d)}`;
  return null;
}

async function comparedWithKafka(
  o: JudgeOptions,
  d: Description,
  signal: AbortSignal,
): Promise<string | null> {
  await refuseCutShort(o, d, signal);
  const cut = await sameRange(o, d, signal);
  // Gone from Kafka: what the sink holds is all there is; its digest was right.
  if (cut === null) return null;
  try {
    return await otherContent(o, d, cut, signal);
  } finally {
    cut.release();
  }
}

/** Why this range is not what the batch holds, or null. */
async function otherContent(
  { sealer, seeds }: JudgeOptions,
  d: Description,
  cut: Cut,
  signal: AbortSignal,
): Promise<string | null> {
  const { content } = (await sealer.seal(cut, plainRecipe(d), signal)).description;
  const digest = "digest" in content ? content.digest : "";
  if ("digest" in d.content) return d.content.digest === digest ? null : DIFFERS;
  const seed = seeds.find((s) => s.keyId === d.seal.keyId);
  if (seed === undefined)
    return `it was sealed with key ${d.seal.keyId}, which the seed file has not`;
  return d.contentCheck === contentCheck(seed.secret, d.batchId, digest) ? null : DIFFERS;
}

const DIFFERS = "its content differs from what Kafka has";

/**
 * Where the log was cut short before the batch's end it has other records there, or none yet, and says nothing
 * about the batch: the next branch is to be begun (docs/decisions/0006).
 * @throws ArchiverError log-changed
 */
async function refuseCutShort(o: JudgeOptions, d: Description, signal: AbortSignal): Promise<void> {
  const epoch = epochAtEnd(d);
  if (epoch < 0) return;
  const at = await o.fetcher.epochEnd(o.scope, epoch, signal);
  if (at.epoch > epoch || (at.epoch === epoch && at.endOffset >= d.end)) return;
  throw new ArchiverError(
    "log-changed",
    `${scopeText(o.scope)}: batch ${d.start} to ${d.end} was read in leader epoch ${epoch}, and the log has ` +
      `epoch ${at.epoch} up to offset ${at.endOffset}: it was cut short`,
  );
}

const plainRecipe = (d: Description): SealRecipe => ({
  archiveId: d.archiveId,
  clusterId: d.clusterId,
  format: d.format,
  codec: "none",
  level: 0,
  recompress: "never",
  encryption: null,
  onPoison: "keep",
  revision: d.revision,
  withRecordsDigest: false,
});
