import type { Config, PipelineConfig } from "../../config/config.ts";
import type { ArchiverEvent } from "../../observe/events.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports.ts";
import type { KafkaClient } from "../../kafka/client/kafka-client.ts";
import { refuseCode } from "../../kafka/kafka-error.ts";
import { offsetCommit } from "../../kafka/requests/offsets.ts";
import type { RunHost } from "../../daemon.ts";
import type { PipelineView } from "../kafka-view.ts";
import { keyOf } from "../kafka-view.ts";
import type { ImportedRange } from "./import-plan.ts";

/** Tells a job from a daemon among the members of a group. */
export const importClientId = ({ kafka }: Config): string => `${kafka.clientId}-import`;

/** What is left at the end of a range waits no longer than this for more to come. */
const IDLE_MS = 250;
const POLL_MS = 300;
/** A group without members takes commits of this generation. */
const NO_GENERATION = -1;

export interface ImportRun {
  readonly config: Config;
  readonly pipeline: PipelineConfig;
  readonly topics: readonly string[];
  readonly ranges: readonly ImportedRange[];
  readonly view: PipelineView;
  readonly clock: Clock;
  readonly host: Pick<RunHost, "tool" | "version" | "env" | "log" | "redact">;
  readonly confirmed: (records: bigint, bytes: number) => void;
}

/** Tells the group where partitions begin of which nothing is committed. Only while it has no members. */
export async function commitBeginnings(
  client: KafkaClient,
  group: string,
  ranges: readonly ImportedRange[],
  signal: AbortSignal,
): Promise<void> {
  const entries = ranges
    .filter((r) => r.fresh)
    .map(({ topic, partition, from }) => ({
      ...{ topic, partition, offset: from },
      ...{ metadata: "", leaderEpoch: -1 },
    }));
  if (entries.length === 0) return;
  const request = offsetCommit({
    ...{ group, generation: NO_GENERATION, memberId: "", instanceId: null },
    entries,
  });
  for (const answer of await client.sendToCoordinator(group, request, signal)) {
    refuseCode(answer.error, `the beginning of ${answer.topic}/${answer.partition}`);
  }
}

/** The daemon at work until everything up to the ends is archived and committed; then it drains. */
export async function runImport(o: ImportRun, signal: AbortSignal): Promise<void> {
  const ends = new Map(o.ranges.map((r) => [keyOf(r), r.to]));
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  let failure: ArchiverError | undefined;
  const heard = (event: ArchiverEvent): void => {
    if (event.what === "batch-confirmed") o.confirmed(event.batch.records, event.batch.seal.size);
    if (event.what !== "partition-stopped") return;
    failure ??= new ArchiverError(event.code, event.text);
    stop.abort(failure);
  };
  const host: RunHost = {
    ...o.host,
    emit: heard,
    publish: () => undefined,
    reloads: () => undefined,
    endsAt: (topic, partition) => ends.get(keyOf({ topic, partition })) ?? 0n,
  };
  const { runDaemon } = await import("../../daemon.ts");
  const running = runDaemon(jobOf(o), host, either).finally(() => stop.abort());
  const [ended] = await Promise.allSettled([running, watch(o, stop, either)]);
  if (failure !== undefined) throw failure;
  signal.throwIfAborted();
  if (ended.status === "rejected") throw ended.reason;
}

/** Ends the job when the group has committed all of it. */
async function watch(o: ImportRun, stop: AbortController, signal: AbortSignal): Promise<void> {
  for (;;) {
    const committed = await o.view.committed();
    const done = o.ranges.every(
      (r) => r.from >= r.to || (committed.get(keyOf(r))?.offset ?? 0n) >= r.to,
    );
    if (done) {
      stop.abort();
      return;
    }
    await o.clock.sleep(POLL_MS, signal);
  }
}

/** The same configuration for these topics alone; nothing listens, and the rest of a range is not waited with. */
function jobOf({ config, pipeline: p, topics }: ImportRun): Config {
  const idleMs = Math.min(p.batch.idleMs ?? IDLE_MS, IDLE_MS);
  const pipeline = { ...p, topics, start: "earliest" as const, batch: { ...p.batch, idleMs } };
  const kafka = { ...config.kafka, clientId: importClientId(config) };
  return { ...config, kafka, http: null, pipelines: [pipeline] };
}
