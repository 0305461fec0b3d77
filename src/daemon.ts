import { availableParallelism } from "node:os";
import { BlockPool } from "./batch/block-buffer.ts";
import { costBytes } from "./batch/policy.ts";
import type { Config, PipelineConfig } from "./config/config.ts";
import { kafkaOptions } from "./config/kafka-options.ts";
import { Budget } from "./core/budget.ts";
import { budgetShares, evenOwnBytes } from "./core/budget-shares.ts";
import { fetchBytes } from "./daemon/archiver.ts";
import { nodeClock } from "./daemon/node-ports.ts";
import { openPipeline, type Pipeline, type Shared } from "./daemon/open-pipeline.ts";
import { live } from "./daemon/pipeline-life.ts";
import { Running } from "./daemon/running.ts";
import { KafkaClient } from "./kafka/client/kafka-client.ts";
import type { DaemonHost } from "./observe/daemon-host.ts";
import { failpointHitter, parseFailpoint } from "./pipeline/failpoint.ts";

/**
 * Free buffers for sealed files that are kept for re-use, as free blocks are. Half, because a batch's
 * reservation is half raw and half sealed bytes: what is free has room in what is not reserved.
 */
const keptBytes = (memoryBytes: number): number => Math.floor(memoryBytes / 2);

/** Of each pipeline; together no more than twice the cores, unless there are more pipelines. */
const threads = (pipelines: number): number => {
  const cores = Math.min(8, availableParallelism());
  return Math.min(cores, Math.max(1, Math.floor((2 * cores) / pipelines)));
};

/** What the daemon gets from the command that runs it. */
export interface RunHost extends DaemonHost {
  /** Called once: `take` takes another configuration while the daemon runs. */
  reloads(take: (next: Config) => Promise<readonly string[]>): void;
}

/**
 * Archives until the signal aborts, then drains: what is ready is delivered and committed, within
 * `drainTimeout`. Rejects with what an operator has to change before anything can run; of several
 * pipelines each goes its own way.
 */
export async function runDaemon(config: Config, host: RunHost, signal: AbortSignal): Promise<void> {
  const client = await newClient(config, host, signal);
  const whole = new Budget(config.memoryBytes - beside(config));
  const running = new Running({ config, host, client, budget: whole, clock: nodeClock });
  const fault = new AbortController();
  const stop = AbortSignal.any([signal, fault.signal]);
  host.reloads((next) => running.reload(next, stop));
  const shares = sharesOf(config, host, client, whole);
  const lives = config.pipelines.map(async (p, i) => {
    const shared = shares[i];
    if (shared === undefined) return;
    try {
      await live(lifeOf(running, shared, p), stop);
    } catch (error) {
      fault.abort(error);
      throw error;
    }
  });
  try {
    const ended = await Promise.allSettled(lives);
    if (fault.signal.aborted) throw fault.signal.reason;
    const failed = ended.find((e) => e.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  } finally {
    running.close();
    await client.close();
  }
}

const newClient = (c: Config, host: DaemonHost, signal: AbortSignal): Promise<KafkaClient> =>
  KafkaClient.open(kafkaOptions(c.kafka), host.log, signal);

/** The part of `memory` that no batch may use: the answers of Kafka that arrive. */
const beside = ({ memoryBytes, pipelines }: Config): number =>
  2 * pipelines.length * fetchBytes(memoryBytes, pipelines.length);

function lifeOf(
  running: Running,
  shared: Shared,
  p: PipelineConfig,
): Parameters<typeof live<Pipeline>>[0] {
  const { config, host } = shared;
  return {
    name: p.name,
    group: p.group,
    alone: config.pipelines.length === 1,
    open: (signal) =>
      running.opened(p.name, (now, stop) => openPipeline(shared, now, stop), signal),
    run: (pipeline, signal) => running.run(pipeline, signal),
    close: (pipeline) => pipeline.close(),
    emit: host.emit,
    clock: nodeClock,
  };
}

/** What each pipeline gets, so that one that waits for its sinks holds up no other. */
function sharesOf(config: Config, host: DaemonHost, first: KafkaClient, whole: Budget): Shared[] {
  const { pipelines, memoryBytes } = config;
  const point = host.env["BULK_ARCHIVER_FAILPOINT"] ?? "";
  const count = pipelines.length;
  const own = evenOwnBytes(
    whole.limitBytes,
    pipelines.map((p) => costBytes(p.batch)),
  );
  const budgets = count === 1 ? [whole] : budgetShares(whole, own);
  const shared = {
    ...{ config, host, maxFetchBytes: fetchBytes(memoryBytes, count) },
    pool: new BlockPool(memoryBytes),
    sealing: { threads: threads(count), keepBytes: Math.floor(keptBytes(memoryBytes) / count) },
    failpoint: failpointHitter(point === "" ? null : parseFailpoint(point)),
    client: (signal: AbortSignal) =>
      count === 1 ? Promise.resolve(first) : newClient(config, host, signal),
  };
  return budgets.map((budget) => ({ ...shared, budget }));
}
