import type { Scope } from "../../core/scope.ts";
import type { ScopeFilter } from "./scope-filter.ts";
import type { NamedSink, VerifyProgress } from "./verify-archive.ts";
import { verifyArchive } from "./verify-archive.ts";
import { againstKafka } from "./against-kafka.ts";
import type { Seeds } from "./chain-check.ts";
import type { Opener } from "./deep-check.ts";
import { deepCheck } from "./deep-check.ts";
import type { VerifyReport } from "./report.ts";
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
  readonly open: Opener;
  readonly deep: boolean;
  readonly across: boolean;
  /** How to read the live topics of the scopes found; undefined: Kafka is not asked. */
  readonly topics: ((names: readonly string[]) => TopicReader) | undefined;
  readonly samplePercent: number;
  readonly tailWaitMs?: number;
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
  const { tool, sinks, filter, seeds, open, deep, across, samplePercent, progress } = request;
  const verdict = await verifyArchive(
    {
      sinks,
      filter,
      seeds,
      across,
      samplePercent,
      progress,
      deep: deep ? deepCheck(open, seeds) : undefined,
      tailWaitMs: request.tailWaitMs ?? TAIL_WAIT_MS,
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
  return {
    ok,
    tool,
    scope: { ...named(filter), deep, samplePercent, macsChecked: seeds.size > 0 },
    sinks: verdict.sinks,
    ...(verdict.across === undefined ? {} : { across: verdict.across }),
    ...(kafka === undefined ? {} : { againstKafka: kafka }),
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
