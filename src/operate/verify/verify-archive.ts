import { ArchiverError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports.ts";
import type { Scope } from "../../core/scope.ts";
import { scopeText } from "../../core/scope.ts";
import type { ArchiveIdentity, Sink } from "../../sdk/sink.ts";
import { byScope, inFilter, type ScopeFilter } from "./scope-filter.ts";
import { AcrossSinks, inStep } from "./across-sinks.ts";
import type { Seeds } from "./chain-check.ts";
import { survey } from "./entries.ts";
import type { Expiry } from "./expiry.ts";
import type { PublicKeys } from "./foreign-signatures.ts";
import type { Heads } from "./heads.ts";
import type { RollUpName } from "../index/roll-up.ts";
import { indexOf, type WitnessOptions } from "./index-witness.ts";
import type { AcrossReport, PartitionReport, Problem, SinkReport } from "./report.ts";
import { sampled, type Sampling } from "./sampling.ts";
import type { DeepCheck } from "./stored-data.ts";
import { type Looked, nothingLooked, Tally } from "./tally.ts";
import { type Vouched, vouchersOf } from "./vouchers.ts";
import { walkScope } from "./walk-scope.ts";

export interface NamedSink {
  readonly name: string;
  readonly sink: Sink;
}

export interface ArchiveOptions {
  readonly sinks: readonly NamedSink[];
  readonly filter: ScopeFilter;
  readonly seeds: Seeds;
  /** Empty: signatures are not looked at. */
  readonly publicKeys: PublicKeys;
  /** A chain without any signature is wrong, when there are keys. @default true */
  readonly requireSignatures?: boolean | undefined;
  readonly heads: Heads | undefined;
  readonly deep: DeepCheck | undefined;
  readonly sampling: Sampling;
  readonly expiry: Expiry;
  readonly across: boolean;
  readonly index: Pick<WitnessOptions, "use" | "seed">;
  /** How long a sink that lags at the tip may take to catch up beside a live daemon. */
  readonly tailWaitMs: number;
  /** By which it waits. @default that of the machine */
  readonly clock?: Clock | undefined;
  readonly progress: VerifyProgress;
}

export interface VerifyProgress {
  total(batches: number, bytes: number): void;
  done(batches: number, bytes: number): void;
}

export interface ArchiveVerdict {
  readonly sinks: readonly SinkReport[];
  readonly across: AcrossReport | undefined;
  readonly looked: Looked;
  /** Everything that was in scope, ascending. */
  readonly scopes: readonly Scope[];
}

interface Audited extends NamedSink {
  readonly identity: ArchiveIdentity | undefined;
  readonly problems: Problem[];
  readonly partitions: PartitionReport[];
  readonly scopes: ReadonlySet<string>;
  /** By the text of the scope. */
  readonly rollUps: Map<string, readonly RollUpName[]>;
}

/** The offline audit of all sinks. @throws ArchiverError `nothing-in-scope` */
export async function verifyArchive(
  options: ArchiveOptions,
  signal: AbortSignal,
): Promise<ArchiveVerdict> {
  const found = new Map<string, Scope>();
  const audited: Audited[] = [];
  for (const { name, sink } of options.sinks) {
    audited.push(await begin(name, sink, options.filter, found, signal));
  }
  const scopes = [...found.values()].sort(byScope);
  if (scopes.length === 0) {
    throw new ArchiverError(
      "nothing-in-scope",
      "no batch of the topics and partitions named is in these sinks",
    );
  }
  compareIdentities(audited);
  const across = options.across ? new AcrossSinks(audited.map(({ name }) => name)) : undefined;
  const limits = await surveyAll(options, audited, scopes, signal);
  missingChains(options, audited);
  const looked = nothingLooked();
  for (const scope of scopes) {
    const limit = limits.get(scopeText(scope));
    for (const tally of await verifyScope(options, audited, scope, limit, across, signal))
      for (const count of COUNTS) looked[count] += tally.looked[count];
  }
  return { sinks: audited.map(toReport), across: across?.report(), looked, scopes };
}

const COUNTS = [
  ...(["filesRead", "bytesRead", "opened", "macs", "signatures", "heads"] as const),
  ...(["fromIndex", "inIndex"] as const),
];

/** A chain whose head was published and of which a sink holds nothing at all. */
function missingChains({ heads, filter }: ArchiveOptions, audited: readonly Audited[]): void {
  for (const { scopes, problems, identity } of audited) {
    const lost = (heads?.heads ?? []).filter(
      ({ scope, archiveId }) =>
        identity?.archiveId === archiveId &&
        inFilter(scope, filter) &&
        !scopes.has(scopeText(scope)),
    );
    for (const text of new Set(lost.map(({ scope }) => scopeText(scope))))
      problems.push({
        code: "head-missing",
        text: `the head of ${text} was published, and there is no batch of it`,
      });
  }
}

async function begin(
  name: string,
  sink: Sink,
  filter: ScopeFilter,
  found: Map<string, Scope>,
  signal: AbortSignal,
): Promise<Audited> {
  const problems: Problem[] = [];
  const scopes = new Set<string>();
  let identity: ArchiveIdentity | undefined;
  try {
    identity = await sink.identity(signal);
  } catch (error) {
    const itself = ["manifest-invalid", "sink-permanent"];
    if (!(error instanceof ArchiverError) || !itself.includes(error.code)) throw error;
    problems.push({ code: "identity-invalid", text: error.message });
  }
  for await (const scope of sink.scopes(signal)) {
    if (!inFilter(scope, filter)) continue;
    scopes.add(scopeText(scope));
    found.set(scopeText(scope), scope);
  }
  if (identity === undefined && problems.length === 0 && scopes.size > 0) {
    problems.push({ code: "identity-missing", text: "archive.json is not there, batches are" });
  }
  return { name, sink, identity, problems, partitions: [], scopes, rollUps: new Map() };
}

function compareIdentities(audited: readonly Audited[]): void {
  const first = audited.find(({ identity }) => identity !== undefined)?.identity;
  for (const { identity, problems } of audited) {
    if (identity === undefined || first === undefined) continue;
    const { archiveId, clusterId, primary } = identity;
    const same =
      archiveId === first.archiveId && clusterId === first.clusterId && primary === first.primary;
    if (!same)
      problems.push({
        code: "archive-foreign",
        text: "archive.json names another archive, cluster or primary",
      });
  }
}

/** Per scope the last whole batch of any sink: what comes later is newer than this run. */
async function surveyAll(
  options: ArchiveOptions,
  audited: readonly Audited[],
  scopes: readonly Scope[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> {
  const limits = new Map<string, bigint>();
  for (const scope of scopes) {
    for (const { sink, scopes: own, rollUps } of audited) {
      if (!own.has(scopeText(scope))) continue;
      rollUps.set(scopeText(scope), await indexOf(sink, scope, options.index.use, signal));
      const { entries, bytes, last } = await survey(sink, scope, signal);
      options.progress.total(entries, bytes);
      const limit = limits.get(scopeText(scope));
      if (last !== undefined && (limit === undefined || last > limit))
        limits.set(scopeText(scope), last);
    }
  }
  return limits;
}

async function verifyScope(
  options: ArchiveOptions,
  audited: readonly Audited[],
  scope: Scope,
  upTo: bigint | undefined,
  across: AcrossSinks | undefined,
  signal: AbortSignal,
): Promise<readonly Tally[]> {
  const tallies = audited.map(() => new Tally(scope));
  const vouched = await vouchersOf(options, audited, tallies, signal);
  const walks = audited.map(({ sink, rollUps }, i) => {
    const { vouchers, expiry } = vouched[i] as Vouched;
    const { deep, clock } = options;
    const tailWaitMs = across === undefined ? 0 : options.tailWaitMs;
    const reads = sampled(scope, options.sampling);
    const progress = (batches: number, bytes: number): void =>
      options.progress.done(batches, bytes);
    const names = rollUps.get(scopeText(scope)) ?? [];
    const index = { ...options.index, names };
    const waits = { tailWaitMs, clock };
    const all = { sink, scope, vouchers, upTo, reads, deep, expiry, ...waits, progress, index };
    return walkScope(all, tallies[i] as Tally, signal);
  });
  if (across === undefined) {
    for (const walk of walks) for await (const _walked of walk) signal.throwIfAborted();
  } else {
    for await (const { start, found } of inStep(walks)) across.compare(scope, start, found);
  }
  const furthest = tallies.reduce(
    (most, { next }) => (next !== null && next > most ? next : most),
    -1n,
  );
  const first = tallies.find(({ next }) => next === furthest)?.report().firstOffset ?? 0n;
  for (const [i, tally] of tallies.entries()) {
    if (furthest >= 0n) tally.behind = furthest - (tally.next ?? first);
    audited[i]?.partitions.push(tally.report());
  }
  return tallies;
}

function toReport({ name, problems, partitions }: Audited): SinkReport {
  const ok = problems.length === 0 && partitions.every((p) => p.problems.length === 0);
  return { name, ok, partitions, ...(problems.length > 0 ? { problems } : {}) };
}
