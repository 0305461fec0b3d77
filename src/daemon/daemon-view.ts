import { hostname } from "node:os";
import type { Clock } from "../core/ports.ts";
import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import type { TopicCatalogue } from "../kafka/topics.ts";
import type { DaemonView } from "../observe/daemon-host.ts";
import type { Archiver } from "./archiver.ts";
import { GroupView } from "./group-view.ts";
import type { OpenedSink } from "./open-sinks.ts";
import { partitionReport } from "./partition-report.ts";
import { statusOf, type StatusSources } from "./status.ts";

/** Told to the other members in the join; the same after a restart. */
export const ABOUT = { host: hostname() } as const;

export interface ViewedPipeline {
  readonly group: string;
  readonly archiver: Archiver;
  readonly catalogue: TopicCatalogue;
  readonly sinks: readonly OpenedSink[];
}

export interface DaemonViewOptions extends Omit<StatusSources, "archivers" | "sinks"> {
  readonly client: KafkaClient;
  readonly pipelines: readonly ViewedPipeline[];
  /** The largest of the pipelines. */
  readonly batchAgeMs: number;
  readonly clock: Clock;
}

/** Twice the age at which batches are cut, and a minute to deliver them. */
const unconfirmedMs = (batchAgeMs: number): number => 2 * batchAgeMs + 60_000;

/** What the daemon shows of itself and of its groups. */
export function daemonView(o: DaemonViewOptions): DaemonView {
  const { client, pipelines, clock, batchAgeMs } = o;
  const groups = pipelines.map(({ group, archiver, catalogue }) => {
    const { fetcher, member } = archiver;
    const ownName = o.instanceId ?? ABOUT.host;
    const now = (): number => clock.now();
    return new GroupView({ group, client, catalogue, fetcher, member, ownName, now });
  });
  const all = pipelines.flatMap((p) => p.sinks);
  const sinks = all.filter((s, i) => all.findIndex((other) => other.name === s.name) === i);
  return {
    status: () => statusOf({ ...o, archivers: pipelines, sinks }),
    notReady: () => notReady(pipelines),
    self: () => groups[0]?.self ?? "",
    limits: () => ({ batchAgeMs, unconfirmedMs: unconfirmedMs(batchAgeMs) }),
    groups: (signal) => Promise.all(groups.map((g) => g.look(signal))),
    partition: (group, topic, partition, signal) => {
      const found = pipelines.find((p) => p.group === group);
      if (found === undefined) return Promise.resolve(null);
      const { partitions } = found.archiver;
      return partitionReport({ ...found, client, partitions }, topic, partition, signal);
    },
  };
}

function notReady(pipelines: readonly ViewedPipeline[]): string | null {
  const joining = pipelines.find((p) => p.archiver.member.state().status !== "stable");
  if (joining === undefined) return null;
  const { lastError } = joining.archiver.member.state();
  const why = lastError === null ? "" : `: ${lastError}`;
  return `group ${joining.group} is being joined${why}`;
}
