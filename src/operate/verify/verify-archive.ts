import { blake3 } from "@napi-rs/blake-hash";
import { ArchiverError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import { scopeText } from "../../core/scope.ts";
import type { ArchiveIdentity, Sink } from "../../sdk/sink.ts";
import { byScope, inFilter, type ScopeFilter } from "./scope-filter.ts";
import { AcrossSinks, inStep } from "./across-sinks.ts";
import type { Seeds } from "./chain-check.ts";
import { survey } from "./entries.ts";
import type { AcrossReport, PartitionReport, Problem, SinkReport } from "./report.ts";
import { Tally } from "./tally.ts";
import type { DeepCheck } from "./walk-scope.ts";
import { walkScope } from "./walk-scope.ts";

export interface NamedSink {
  readonly name: string;
  readonly sink: Sink;
}

export interface ArchiveOptions {
  readonly sinks: readonly NamedSink[];
  readonly filter: ScopeFilter;
  readonly seeds: Seeds;
  readonly deep: DeepCheck | undefined;
  /** 100: every file is read. */
  readonly samplePercent: number;
  readonly across: boolean;
  /** How long a sink that lags at the tip may take to catch up beside a live daemon. */
  readonly tailWaitMs: number;
  readonly progress: VerifyProgress;
}

export interface VerifyProgress {
  total(batches: number, bytes: number): void;
  done(batches: number, bytes: number): void;
}

export interface ArchiveVerdict {
  readonly sinks: readonly SinkReport[];
  readonly across: AcrossReport | undefined;
  /** Everything that was in scope, ascending. */
  readonly scopes: readonly Scope[];
}

interface Audited extends NamedSink {
  readonly identity: ArchiveIdentity | undefined;
  readonly problems: Problem[];
  readonly partitions: PartitionReport[];
  readonly scopes: ReadonlySet<string>;
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
  for (const scope of scopes) {
    await verifyScope(options, audited, scope, limits.get(scopeText(scope)), across, signal);
  }
  return { sinks: audited.map(toReport), across: across?.report(), scopes };
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
    if (!(error instanceof ArchiverError) || error.code !== "manifest-invalid") throw error;
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
  return { name, sink, identity, problems, partitions: [], scopes };
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
    for (const { sink, scopes: own } of audited) {
      if (!own.has(scopeText(scope))) continue;
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
): Promise<void> {
  const tallies = audited.map(() => new Tally(scope));
  const walks = audited.map(({ sink, identity }, i) => {
    const { seeds, deep } = options;
    const tailWaitMs = across === undefined ? 0 : options.tailWaitMs;
    const reads = sampled(scope, options.samplePercent);
    const progress = (batches: number, bytes: number): void =>
      options.progress.done(batches, bytes);
    const all = { sink, scope, identity, seeds, upTo, reads, deep, tailWaitMs, progress };
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
}

/** The same files in every sink and on every run: chosen by their name. */
const sampled =
  (scope: Scope, percent: number) =>
  (start: bigint): boolean =>
    percent >= 100 ||
    blake3(Buffer.from(`${scopeText(scope)}/${start}`)).readUInt32BE(0) % 10_000 < percent * 100;

function toReport({ name, problems, partitions }: Audited): SinkReport {
  const ok = problems.length === 0 && partitions.every((p) => p.problems.length === 0);
  return { name, ok, partitions, ...(problems.length > 0 ? { problems } : {}) };
}
