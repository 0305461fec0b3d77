import type { Manifest } from "../core/description.ts";
import { encodePlans } from "../core/plan-codec.ts";
import type { Scope } from "../core/scope.ts";
import type { Fetcher } from "../kafka/fetcher.ts";
import type { Lease } from "../kafka/lease.ts";
import { epochAtEnd } from "../pipeline/links.ts";
import type { OffsetStore } from "../pipeline/ports.ts";
import type { Sink } from "../sdk/sink.ts";

/** Manifests looked at on the way back to where the histories part. */
const MAX_LOOKS = 10_000;
const END_OF_TIME = (1n << 63n) - 1n;

/** Where a partition goes on after its log was cut short. */
export interface Branching {
  /** The next branch; the same one when the log lost nothing that is archived. */
  readonly scope: Scope;
  readonly from: bigint;
  /** End of the old branch. */
  readonly archivedTo: bigint;
}

export interface BranchPorts {
  readonly primary: Sink;
  readonly fetcher: Pick<Fetcher, "epochEnd">;
  readonly offsets: OffsetStore;
}

/**
 * The log was cut short (an unclean election, a broker that lost its disk): what it lost stays archived
 * in its branch, and the partition goes on in the next one, from where archive and log part (rule 14).
 *
 * A branch is a name space like another topic's, so the protocol begins in it anew; all that is done
 * here is to set the committed offset to where it begins, under the lease. Dying before its first batch
 * is in the primary leads the next owner along the old branch, to its end, and here again.
 *
 * Null: as far as leader epochs say, archive and log do not part, or nothing is archived.
 */
export async function beginBranch(
  ports: BranchPorts,
  { scope: old, committed }: { readonly scope: Scope; readonly committed: bigint },
  lease: Lease,
  signal: AbortSignal,
): Promise<Branching | null> {
  const last = await ports.primary.floor(old, END_OF_TIME, signal);
  const end = last?.end ?? committed;
  const from = last === undefined ? end : await partedAt(ports, old, last, signal);
  const parted = from < end || (await isOfLost(ports, old, end, signal));
  // What was lost behind the last batch were markers only: they were committed, and come anew.
  if (!parted && (last === undefined || committed <= end)) return null;
  const branch = parted ? await nextBranch(ports.primary, old, signal) : old.branch;
  const scope = { ...old, branch };
  const metadata = encodePlans({ plans: [], chain: null, behind: [] });
  const { topic, partition } = old;
  await ports.offsets.commit(lease, { topic, partition, offset: from, metadata }, signal);
  return { scope, from, archivedTo: end };
}

/**
 * Whether the batch that begins at `start` is in the primary without its manifest, and the log lost records of
 * it: nobody can finish it, and its name is taken in this branch.
 */
async function isOfLost(
  { primary, fetcher }: BranchPorts,
  scope: Scope,
  start: bigint,
  signal: AbortSignal,
): Promise<boolean> {
  const begun = await primary.stat({ ...scope, start }, "cheap", signal);
  if (begun.is !== "data") return false;
  const epoch = epochAtEnd(begun.description);
  if (epoch < 0) return false;
  const at = await fetcher.epochEnd(scope, epoch, signal);
  return at.epoch < epoch || (at.epoch === epoch && at.endOffset < begun.description.end);
}

/**
 * An offset up to which archive and log are the same, the greatest that leader epochs can tell. A batch
 * says the epoch of its last record batch only: where the log does not know that epoch, the batch counts
 * as different from its first offset on, so some records may be in both branches, and none is in neither.
 */
async function partedAt(
  { primary, fetcher }: BranchPorts,
  scope: Scope,
  last: Manifest,
  signal: AbortSignal,
): Promise<bigint> {
  let at = last;
  for (let i = 0; i < MAX_LOOKS; i += 1) {
    const { epoch, endOffset } = await fetcher.epochEnd(scope, at.leaderEpoch, signal);
    if (epoch === at.leaderEpoch) return endOffset < at.end ? endOffset : at.end;
    if (at.start === 0n) break;
    const before = await primary.floor(scope, at.start - 1n, signal);
    if (before === undefined) break;
    at = before;
  }
  return at.start;
}

/** A newer branch that another owner or group began is gone on with. */
async function nextBranch(primary: Sink, old: Scope, signal: AbortSignal): Promise<number> {
  let newest = old.branch;
  for await (const s of primary.scopes(signal)) {
    const same = s.topicId === old.topicId && s.partition === old.partition;
    if (same) newest = Math.max(newest, s.branch);
  }
  return newest > old.branch ? newest : old.branch + 1;
}
