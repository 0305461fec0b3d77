import { Transactions } from "../../kafka/target/transactions.ts";
import { Budget } from "../../core/budget.ts";
import { genesisLink } from "../../core/chain.ts";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import type { TopicPartition } from "../../kafka/requests/offsets.ts";
import type { ArchiveIdentity, Sink } from "../../sdk/sink.ts";
import type { Seed } from "../../seal/keys.ts";
import { manifestsFrom, offsetOf, type ReadBatch } from "../archived-manifests.ts";
import { type Expired, expiredError } from "../expired.ts";
import type { Bound } from "../offset-bound.ts";
import { byScope } from "../verify/scope-filter.ts";
import { ManifestTrust } from "./manifest-trust.ts";
import { type OffsetRange, OffsetRanges } from "./offset-ranges.ts";
import { type GroupMaker, openGroupMaker, type OutgoingGroup } from "./outgoing-group.ts";
import type { OutgoingOptions } from "./outgoing-records.ts";
import { RestoreLedger, type Route } from "./restore-ledger.ts";
import type { RestoredPartition } from "./restore-report.ts";
import { type ScopePorts, ScopeRestore } from "./restore-scope.ts";
import type { TargetTopic } from "./target-topic.ts";

const LAST_OFFSET = (1n << 63n) - 1n;
/** Partitions at once. */
const MAX_PARALLEL = 4;
const TRANSACTION_TIMEOUT_MS = 60_000;

export interface RestoreOptions extends Pick<
  OutgoingOptions,
  "lineage" | "codec" | "skipUndecodable" | "identities"
> {
  readonly run: string;
  readonly sink: Sink;
  /** Of what `sink` leaves out. */
  readonly expired: Expired;
  readonly identity: ArchiveIdentity;
  readonly seeds: readonly Seed[];
  readonly read: ReadBatch;
  readonly from: Bound | undefined;
  readonly to: Bound | undefined;
  readonly topic: TargetTopic;
  readonly ledgerTopic: string;
  readonly replicationFactor: number;
  readonly outOfOrder: boolean;
  readonly transactionBytes: number;
  readonly dryRun: boolean;
  /** For everything that is read, opened and not sent yet. */
  readonly memoryBytes: number;
  readonly expect: (offsets: number) => void;
  readonly done: (offsets: number, bytes: number) => void;
}

/** One partition of the archive and where it goes. */
export interface RestoreTask {
  readonly scope: Scope;
  readonly to: TopicPartition;
}

/** Offsets of the range that nobody can restore any more. */
export interface Gone {
  readonly scope: Scope;
  readonly range: OffsetRange;
}

export interface Restored {
  readonly partitions: readonly RestoredPartition[];
  readonly gone: readonly Gone[];
}

/** Restores partitions, several at a time; the first that fails ends all. */
export async function runRestore(
  o: RestoreOptions,
  tasks: readonly RestoreTask[],
  ports: Pick<ScopePorts, "target" | "clock" | "hit">,
  signal: AbortSignal,
): Promise<Restored> {
  // First of all: its threads start while Kafka is asked.
  const maker = makerOf(o);
  try {
    return await restoreAll(o, tasks, { ...ports, maker }, signal);
  } finally {
    await maker.close();
  }
}

async function restoreAll(
  o: RestoreOptions,
  tasks: readonly RestoreTask[],
  ports: Pick<ScopePorts, "target" | "clock" | "hit"> & { readonly maker: GroupMaker },
  signal: AbortSignal,
): Promise<Restored> {
  const { target } = ports;
  const ledger = new RestoreLedger(target, o.ledgerTopic);
  if (!o.dryRun) await ledger.create(o.replicationFactor, signal);
  const transactionTimeoutMs = TRANSACTION_TIMEOUT_MS;
  const transactions = new Transactions(target, { transactionTimeoutMs, codec: "none" });
  await ledger.catchUp(signal);
  const gone: Gone[] = [];
  const all = { ...ports, ledger, transactions, gone };
  const found: RestoredPartition[] = [];
  const todo = [...tasks];
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const worker = async (): Promise<void> => {
    for (let task = todo.shift(); task !== undefined; task = todo.shift()) {
      try {
        const one = await restoreOne(o, task, all, either);
        if (one !== undefined) found.push(one);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(MAX_PARALLEL, tasks.length) }, worker);
  await Promise.allSettled(workers);
  signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason as Error;
  found.sort((a, b) => a.partition - b.partition || a.branch - b.branch);
  gone.sort((a, b) => byScope(a.scope, b.scope));
  return { partitions: found, gone };
}

function makerOf(o: RestoreOptions): GroupMaker {
  const { sink, identities, lineage, codec, skipUndecodable } = o;
  const { maxBatchBytes } = o.topic;
  const options = { identities, lineage, codec, maxBatchBytes, skipUndecodable };
  return openGroupMaker(sink, options, new Budget(o.memoryBytes));
}

/** Undefined when nothing of the range is archived in this partition. */
async function restoreOne(
  o: RestoreOptions,
  { scope, to }: RestoreTask,
  ports: ScopePorts & { readonly maker: GroupMaker; readonly gone: Gone[] },
  signal: AbortSignal,
): Promise<RestoredPartition | undefined> {
  const { range, gone } = await archivedRangeOf(o, scope, signal);
  for (const one of gone) ports.gone.push({ scope, range: one });
  if (range === undefined) return undefined;
  o.expect(Number(range.to - range.from));
  const { archiveId } = o.identity;
  const route: Route = { run: o.run, archiveId, from: scope, to, toTopicId: o.topic.topicId };
  const taken = { batches: 0, records: 0, bytes: 0 };
  const leftOut: OutgoingGroup["leftOut"][number][] = [];
  let offsets = 0n;
  const done = (group: OutgoingGroup): void => {
    const of = OffsetRanges.of(group.ranges).offsets;
    taken.batches += group.sources;
    taken.records += group.records;
    taken.bytes += group.sizeBytes;
    leftOut.push(...group.leftOut);
    offsets += of;
    o.done(Number(of), group.sizeBytes);
  };
  const { sink, expired, outOfOrder, transactionBytes } = o;
  const trust = (): ManifestTrust => new ManifestTrust(o.identity, scope, o.seeds);
  const how = { sink, expired, maker: ports.maker, trust, outOfOrder, transactionBytes, done };
  const work = new ScopeRestore({ route, range, ...how }, ports);
  if (!o.dryRun) await work.run(signal);
  else
    for await (const group of work.groups(signal)) {
      done(group);
      group.release();
    }
  const already = range.to - range.from - offsets;
  const { partition, branch } = scope;
  return { partition, toPartition: to.partition, branch, ...range, ...taken, already, leftOut };
}

/** The part of the range that is archived now, what comes later is for another run; and what of it has expired. */
async function archivedRangeOf(
  o: RestoreOptions,
  scope: Scope,
  signal: AbortSignal,
): Promise<{ readonly range: OffsetRange | undefined; readonly gone: readonly OffsetRange[] }> {
  const where = { sink: o.sink, scope, read: o.read };
  const none = (to: bigint): { range: undefined; gone: readonly OffsetRange[] } => ({
    range: undefined,
    gone: o.expired.since(scope, o.from, to),
  });
  const from = await offsetOf(where, o.from, signal);
  const last = await o.sink.floor(scope, LAST_OFFSET, signal);
  if (last === undefined) return { range: undefined, gone: [] };
  const to = (await offsetOf(where, o.to, signal)) ?? last.end;
  if (o.from !== undefined && from === undefined) return none(to);
  for await (const first of manifestsFrom(where, from ?? 0n, signal)) {
    if (first.end <= (from ?? 0n)) continue;
    const range = { from: maximum(first.start, from ?? 0n), to: to < last.end ? to : last.end };
    if (range.to <= range.from) return none(to);
    const gone = o.expired.since(scope, o.from, first.start);
    if (gone.at(-1)?.to !== first.start && first.start > (from ?? 0n)) refuseHeadless(o, first);
    // Who names an offset wants that one; a time, or all, is what there is of it.
    const [named] = o.from !== undefined && "offset" in o.from ? gone : [];
    if (named !== undefined) throw expiredError(scope, named);
    return { range, gone };
  }
  return none(to);
}

/** The range reaches before the first batch there is, and that one follows another. */
function refuseHeadless({ identity }: RestoreOptions, first: Manifest): void {
  if (first.prevLink === genesisLink(identity.archiveId, first)) return;
  const text = `${first.batchId} is the first here, and batches before it are missing`;
  throw new ArchiverError("verification-failed", `${text}; go on with --from ${first.start}`);
}

const maximum = (a: bigint, b: bigint): bigint => (a > b ? a : b);
