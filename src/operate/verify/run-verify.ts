import type { Clock } from "../../core/ports.ts";
import type { Scope } from "../../core/scope.ts";
import { holdsOf } from "../../sdk/holds.ts";
import type { ScopeFilter } from "./scope-filter.ts";
import type { NamedSink, VerifyProgress } from "./verify-archive.ts";
import { type ArchiveVerdict, verifyArchive } from "./verify-archive.ts";
import { againstKafka } from "./against-kafka.ts";
import type { Seeds } from "./chain-check.ts";
import type { Opener } from "./deep-check.ts";
import { deepCheck } from "./deep-check.ts";
import { evidenceOf } from "./evidence.ts";
import type { Expiry } from "./expiry.ts";
import type { PublicKeys } from "./foreign-signatures.ts";
import type { Heads } from "./heads.ts";
import type { KafkaReport, PartitionReport, VerifyReport, VerifyTotals } from "./report.ts";
import { NO_FILE, type Sampling } from "./sampling.ts";
import type { TopicReader } from "./topic-items.ts";

/**
 * A sink that is a batch late beside a live daemon gets this long before it counts as different.
 */
const TAIL_WAIT_MS = 10_000;

export interface VerifyRequest {
  /** Name and version of this program. */
  readonly tool: string;
  readonly sinks: readonly NamedSink[];
  readonly filter: ScopeFilter;
  readonly seeds: Seeds;
  readonly publicKeys: PublicKeys;
  /** A chain without any signature is wrong, when there are keys. @default true */
  readonly requireSignatures?: boolean;
  readonly heads: Heads | undefined;
  readonly open: Opener;
  /** Manifests and listings only. */
  readonly quick: boolean;
  /** Whether roll-ups are looked at. @default false: after a repair they may be stale */
  readonly index?: boolean;
  readonly deep: boolean;
  readonly across: boolean;
  /** How to read the live topics of the scopes found; undefined: Kafka is not asked. */
  readonly topics: ((names: readonly string[]) => TopicReader) | undefined;
  readonly sampling: Sampling;
  readonly expiry: Expiry;
  readonly tailWaitMs?: number;
  /** By which it waits for that. @default that of the machine */
  readonly clock?: Clock;
  /** Milliseconds since the epoch; for the report alone. */
  readonly wall: () => number;
  readonly progress: VerifyProgress & { compared(records: bigint): void };
}

/**
 * Everything `verify` was asked to do. @throws ArchiverError `nothing-in-scope`, what sinks and
 * Kafka raise
 */
export async function runVerify(
  request: VerifyRequest,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const { tool, sinks, filter, seeds, publicKeys, heads, open, across, progress, wall } = request;
  const { quick, deep, expiry } = request;
  const startedAt = new Date(wall()).toISOString();
  const sampling = quick ? NO_FILE : request.sampling;
  const verdict = await verifyArchive(
    {
      sinks,
      filter,
      seeds,
      publicKeys,
      requireSignatures: request.requireSignatures,
      heads,
      across,
      sampling,
      expiry,
      progress,
      // Across sinks the manifests themselves are compared, byte for byte.
      index: {
        use: request.index !== true ? "none" : quick && !across ? "instead" : "beside",
        seed: request.sampling.seed,
      },
      deep: deep ? deepCheck(open, seeds, across && sinks.some(keepsRecords)) : undefined,
      tailWaitMs: request.tailWaitMs ?? TAIL_WAIT_MS,
      clock: request.clock,
    },
    signal,
  );
  const first = sinks[0];
  const names = [...new Set(verdict.scopes.map(({ topic }) => topic))];
  const reader = first === undefined ? undefined : request.topics?.(names);
  const kafka =
    first === undefined || reader === undefined
      ? undefined
      : await againstKafka(
          {
            sinkName: first.name,
            sink: first.sink,
            scopes: verdict.scopes,
            reader,
            open,
            progress: (records) => progress.compared(records),
          },
          signal,
        );
  const ok =
    verdict.sinks.every((sink) => sink.ok) && verdict.across?.ok !== false && kafka?.ok !== false;
  const { percent, seed } = sampling;
  const part = percent > 0 && percent < 100;
  const report = {
    ok,
    tool,
    startedAt,
    finishedAt: new Date(wall()).toISOString(),
    scope: {
      ...named(filter),
      quick,
      deep,
      samplePercent: percent,
      ...(part ? { sampleSeed: seed } : {}),
      macsChecked: seeds.size > 0,
    },
    totals: totalsOf(verdict, kafka),
    sinks: verdict.sinks,
    ...(verdict.across === undefined ? {} : { across: verdict.across }),
    ...(kafka === undefined ? {} : { againstKafka: kafka }),
  };
  const used = {
    index: request.index === true,
    seeds: seeds.size > 0,
    publicKeys: publicKeys.size > 0,
    heads,
  };
  return { ...report, evidence: evidenceOf(report, used) };
}

/** Its records can be compared with those of files. */
const keepsRecords = ({ sink }: NamedSink): boolean => holdsOf(sink.capabilities) === "records";

function totalsOf(verdict: ArchiveVerdict, kafka: KafkaReport | undefined): VerifyTotals {
  const partitions = verdict.sinks.flatMap((sink) => sink.partitions);
  const own = verdict.sinks.reduce((sum, sink) => sum + (sink.problems?.length ?? 0), 0);
  const across = verdict.across;
  const beside = (across?.problems.length ?? 0) + (across?.problemsOmitted ?? 0);
  const inKafka = kafka?.partitions.reduce((sum, p) => sum + p.problems.length, 0) ?? 0;
  const sum = (of: (p: PartitionReport) => number): number =>
    partitions.reduce((total, p) => total + of(p), 0);
  return {
    sinks: verdict.sinks.length,
    partitions: partitions.length,
    batches: sum((p) => p.batches),
    records: partitions.reduce((total, p) => total + p.records, 0n),
    ...verdict.looked,
    expired: sum((p) => p.expired),
    problems: sum((p) => p.problems.length + (p.problemsOmitted ?? 0)) + own + beside + inKafka,
  };
}

/** Only what was asked for, so that the document has no `undefined`. */
function named({ topic, topicId, partition, branch }: ScopeFilter): Partial<Scope> {
  return {
    ...(topic === undefined ? {} : { topic }),
    ...(topicId === undefined ? {} : { topicId }),
    ...(partition === undefined ? {} : { partition }),
    ...(branch === undefined ? {} : { branch }),
  };
}
