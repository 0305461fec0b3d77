import type { ArchiveIdentity, Sink } from "../../sdk/sink.ts";
import type { Seeds, Vouchers } from "./chain-check.ts";
import type { Expiry } from "./expiry.ts";
import type { PublicKeys } from "./foreign-signatures.ts";
import { type Heads, headsOf } from "./heads.ts";
import { lateStart } from "./late-start.ts";
import { prunedOf } from "./pruned-record.ts";
import type { Tally } from "./tally.ts";

export interface VoucherOptions {
  readonly seeds: Seeds;
  readonly publicKeys: PublicKeys;
  readonly requireSignatures?: boolean | undefined;
  readonly heads: Heads | undefined;
  readonly expiry: Expiry;
}

interface OfSink {
  readonly sink: Sink;
  readonly identity: ArchiveIdentity | undefined;
}

/** What one chain in one sink is held against. */
export interface Vouched {
  readonly sink: Sink;
  readonly vouchers: Vouchers;
  /** By age, or because `prune` says so in this sink. */
  readonly expiry: Expiry;
}

/** Of one scope, sink by sink; `tallies` are those of the sinks. */
export async function vouchersOf(
  options: VoucherOptions,
  sinks: readonly OfSink[],
  tallies: readonly Tally[],
  signal: AbortSignal,
): Promise<readonly Vouched[]> {
  const own: Vouched[] = [];
  for (const [i, one] of sinks.entries())
    own.push(await byItself(options, one, tallies[i] as Tally, signal));
  const all: Vouched[] = [];
  for (const [i, { sink, vouchers, expiry }] of own.entries()) {
    const others = own.filter((o) => o.sink !== sink);
    const late = await lateStart((tallies[i] as Tally).scope, sink, others, signal);
    all.push({ sink, expiry, vouchers: { ...vouchers, lateStart: late } });
  }
  return all;
}

async function byItself(
  options: VoucherOptions,
  { sink, identity }: OfSink,
  tally: Tally,
  signal: AbortSignal,
): Promise<Vouched> {
  const { scope } = tally;
  const { seeds, publicKeys, requireSignatures } = options;
  const archiveId = identity?.archiveId;
  const found = await prunedOf({ sink, scope, archiveId, seeds, publicKeys }, signal);
  const wrong = found !== undefined && "wrong" in found;
  if (wrong) tally.problem({ code: "pruned-wrong", path: found.path, text: found.wrong });
  const pruned = wrong ? undefined : found;
  const heads = headsOf(options.heads, scope, archiveId);
  const end = pruned?.end ?? 0n;
  return {
    sink,
    vouchers: {
      ...{ identity, seeds, publicKeys, requireSignatures, heads, pruned },
      lateStart: undefined,
    },
    expiry: (manifest) => manifest.end <= end || options.expiry(manifest),
  };
}
