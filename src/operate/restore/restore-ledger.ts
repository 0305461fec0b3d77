import { z } from "zod";
import { CommittedLog } from "../../kafka/target/committed-log.ts";
import { LEDGER_SETTINGS } from "../../kafka/target/topic-settings.ts";
import type { TargetCluster } from "../../kafka/target/target-cluster.ts";
import { ensureTopic } from "../../kafka/target/topics-of-target.ts";
import { checked } from "../../core/checked.ts";
import { parse, stringify } from "../../core/json.ts";
import type { ArchivedRecord } from "../../core/record.ts";
import { type Scope, scopeText } from "../../core/scope.ts";
import type { TopicPartition } from "../../kafka/requests/offsets.ts";
import { OffsetRanges } from "./offset-ranges.ts";

const PREFIX = "restore/";

/** From which partition of which archive to which partition of which topic, under which name. */
export interface Route {
  readonly run: string;
  readonly archiveId: string;
  readonly from: Scope;
  readonly to: TopicPartition;
  /** A topic that was made anew under its old name has nothing yet. */
  readonly toTopicId: string;
}

/** Also the transactional id, so that one writer at a time is at work on a route. */
export const routeText = (r: Route): string =>
  `${PREFIX}${r.run}/${r.archiveId}/${scopeText(r.from)}/${r.to.topic}/${r.toTopicId}/${r.to.partition}`;

const big = z.union([z.bigint(), z.int().transform((n) => BigInt(n))]).refine((n) => n >= 0n);

const entrySchema = z.strictObject({
  version: z.literal(1),
  /** Source offsets whose records are in the target. */
  ranges: z.array(z.strictObject({ from: big, to: big })),
});

/**
 * Which offsets of which partitions were restored, in a compacted topic of the target cluster. The newest
 * record of a route counts; it is written in the same transaction as the records it speaks of.
 */
export class RestoreLedger {
  readonly place: TopicPartition;
  readonly #target: TargetCluster;
  readonly #log: CommittedLog;
  readonly #routes = new Map<string, OffsetRanges>();

  constructor(target: TargetCluster, topic: string) {
    this.#target = target;
    this.place = { topic, partition: 0 };
    this.#log = new CommittedLog(target, topic, {
      take: (record) => this.#take(record),
      forget: () => this.#routes.clear(),
    });
  }

  /** Makes the topic where there is none. */
  async create(replicationFactor: number, signal: AbortSignal): Promise<void> {
    const { topic } = this.place;
    const wanted = { topic, partitions: 1, replicationFactor, settings: LEDGER_SETTINGS };
    await ensureTopic(this.#target, wanted, signal);
  }

  catchUp(signal: AbortSignal): Promise<void> {
    return this.#log.catchUp(signal);
  }

  /** As of the last `catchUp`. */
  restored(route: Route): OffsetRanges {
    return this.#routes.get(routeText(route)) ?? OffsetRanges.none;
  }

  #take({ key, value }: ArchivedRecord): void {
    const name = key === null ? "" : Buffer.from(key).toString("utf8");
    if (!name.startsWith(PREFIX)) return;
    const ranges = value === null ? undefined : rangesIn(value);
    if (ranges === undefined) this.#routes.delete(name);
    else this.#routes.set(name, ranges);
  }
}

export const ledgerValue = (restored: OffsetRanges): Buffer =>
  Buffer.from(stringify({ version: 1, ranges: restored.ranges }), "utf8");

/** Undefined for what no entry of this ledger is. */
function rangesIn(value: Uint8Array): OffsetRanges | undefined {
  let json: unknown;
  try {
    json = parse(Buffer.from(value).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const entry = checked(entrySchema, json).data;
  return entry === undefined ? undefined : OffsetRanges.of(entry.ranges);
}
