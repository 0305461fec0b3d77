import type { Manifest } from "../core/description.ts";
import { messageOf } from "../core/message.ts";
import { decodePlans } from "../core/plan-codec.ts";
import type { Scope } from "../core/scope.ts";
import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import { readCommittedOffsets } from "../kafka/offset-commits.ts";
import type { TopicCatalogue } from "../kafka/topics.ts";
import type { PartitionReport } from "../observe/group-report.ts";
import { copiesOf } from "./copies-report.ts";
import type { OpenedSink } from "./open-sinks.ts";
import type { Partition } from "./partitions.ts";

const RECENT = 6;
const SINK_MS = 4_000;
/** Beyond every offset that Kafka has. */
const LAST = (1n << 63n) - 1n;

export interface PartitionReportPorts {
  readonly group: string;
  readonly client: KafkaClient;
  readonly catalogue: TopicCatalogue;
  readonly sinks: readonly OpenedSink[];
  /** Own ones. */
  readonly partitions: Iterable<Partition>;
}

/** One partition of the group, this member's or another's: what Kafka has committed, what the primary holds. */
export async function partitionReport(
  ports: PartitionReportPorts,
  topic: string,
  partition: number,
  signal: AbortSignal,
): Promise<PartitionReport | null> {
  const { group, client, catalogue, sinks } = ports;
  const known = catalogue.get(topic);
  if (known === undefined || !known.partitions.some((p) => p.partition === partition)) return null;
  const [own] = [...ports.partitions].filter(
    ({ scope }) => scope.topic === topic && scope.partition === partition,
  );
  const [found] = await readCommittedOffsets(client, group, [{ topic, partition }], signal);
  const raw = found?.metadata ?? "";
  const said = decodePlans(raw);
  const plan = "invalid" in said ? undefined : said.plans[0];
  const branch = own?.scope.branch ?? plan?.branch ?? 0;
  const { topicId } = known;
  const scope: Scope = own?.scope ?? { topic, topicId, partition, branch };
  const [primary] = sinks;
  const read = primary === undefined ? NOTHING : await recent(primary, scope, signal);
  const archived = read.manifests.map((m) => m.start);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(SINK_MS)]);
  const copies = own === undefined ? [] : await copiesOf(own, sinks, archived, limit);
  signal.throwIfAborted();
  return {
    ...{ group, topic, topicId, partition, branch },
    slots: own === undefined ? [] : slotsOf(own, sinks),
    copies,
    commit: {
      offset: found?.offset ?? null,
      raw,
      chain: "invalid" in said ? null : said.chain,
      behind: "invalid" in said ? [] : said.behind,
    },
    source: primary?.name ?? "",
    ...read,
  };
}

type Read = Pick<PartitionReport, "trouble" | "manifests" | "newest">;
const NOTHING: Read = { trouble: null, manifests: [], newest: null };

/** Backwards from the newest; a sink that does not answer in time is no failure of the report. */
async function recent(
  { name, sink }: OpenedSink,
  scope: Scope,
  signal: AbortSignal,
): Promise<Read> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(SINK_MS)]);
  const manifests: Manifest[] = [];
  let newest: string | null = null;
  try {
    for (let at = LAST; manifests.length < RECENT && at >= 0n;) {
      const found = await sink.floor(scope, at, limit);
      if (found === undefined) break;
      manifests.push(found);
      if (manifests.length === 1) {
        newest = Buffer.from((await sink.manifest(found, limit)) ?? []).toString("utf8");
      }
      at = found.start - 1n;
    }
  } catch (error) {
    signal.throwIfAborted();
    const why = limit.aborted ? "does not answer now" : messageOf(error);
    return { trouble: `${name}: ${why}`, manifests, newest };
  }
  return { trouble: null, manifests, newest };
}

function slotsOf({ task }: Partition, sinks: readonly OpenedSink[]): PartitionReport["slots"] {
  return task.state.slots
    .filter((s) => s.ready || s.planned)
    .map(({ start, end, steps }) => ({
      start,
      end,
      sinks: sinks.map(({ name }, i) => ({ name, has: steps[i] ?? "none" })),
    }));
}
