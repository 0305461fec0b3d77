import type { Config, PipelineConfig } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Budget } from "../core/budget.ts";
import type { Clock } from "../core/ports.ts";
import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import type { DaemonHost } from "../observe/daemon-host.ts";
import { daemonView } from "./daemon-view.ts";
import type { Pipeline } from "./open-pipeline.ts";
import { reload } from "./reload.ts";

export interface RunningOptions {
  readonly config: Config;
  readonly host: DaemonHost;
  /** For questions about all of them. */
  readonly client: KafkaClient;
  readonly budget: Budget;
  readonly clock: Clock;
}

/** The pipelines that are open now, and what the daemon says of them together. */
export class Running {
  readonly #o: RunningOptions;
  readonly #open = new Map<string, Pipeline>();
  /** Of pipelines that wait for what they need. */
  readonly #opening = new Set<AbortController>();
  #config: Config;
  #started = false;
  #stopping = false;

  constructor(o: RunningOptions) {
    this.#o = o;
    this.#config = o.config;
  }

  /** Opens a pipeline as the configuration has it now, also when that changes meanwhile. */
  async opened(
    name: string,
    open: (p: PipelineConfig, signal: AbortSignal) => Promise<Pipeline>,
    signal: AbortSignal,
  ): Promise<Pipeline> {
    for (;;) {
      const again = new AbortController();
      this.#opening.add(again);
      const p = this.#config.pipelines.find((c) => c.name === name);
      if (p === undefined) throw new ArchiverError("config-invalid", `no pipeline ${name}`);
      try {
        return await open(p, AbortSignal.any([signal, again.signal]));
      } catch (error) {
        if (!again.signal.aborted || signal.aborted) throw error;
      } finally {
        this.#opening.delete(again);
      }
    }
  }

  /** Takes another configuration, all of it or nothing. Answers what changed. @throws ArchiverError */
  async reload(next: Config, signal: AbortSignal): Promise<readonly string[]> {
    const changed = await reload(this.#config, next, [...this.#open.values()], signal);
    this.#config = next;
    for (const o of this.#opening) o.abort(new ArchiverError("interrupted", "opened anew"));
    return changed;
  }

  /** Until the signal, then drained; rejects with what ended it before. */
  async run(pipeline: Pipeline, signal: AbortSignal): Promise<void> {
    const { archiver, name } = pipeline;
    this.#open.set(name, pipeline);
    this.#announce();
    try {
      const running = archiver.run();
      await Promise.race([aborted(signal), running]).catch(async (error: unknown) => {
        // Nothing is waited for, but the group learns that a member is gone.
        await archiver.drain(0);
        throw error;
      });
      this.#stops();
      await archiver.drain(this.#config.drainTimeoutMs);
      await running;
    } finally {
      this.#open.delete(name);
      if (!signal.aborted) this.#announce();
    }
  }

  close(): void {
    this.#open.clear();
  }

  #stops(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#o.host.emit({ what: "daemon-stopping", deadlineMs: this.#config.drainTimeoutMs });
  }

  #announce(): void {
    const { host, client, budget, clock } = this.#o;
    const config = this.#config;
    const pipelines = [...this.#open.values()];
    const [first] = pipelines;
    if (first === undefined) return;
    if (!this.#started) {
      this.#started = true;
      const { clusterId, archiveId } = first;
      const named = config.pipelines.map(({ name, group }) => ({ name, group }));
      host.emit({
        ...{ what: "daemon-started", clusterId, archiveId, pipelines: named },
        sinks: this.#sinks(first),
      });
    }
    const { tool, version } = host;
    const { instanceId } = config.kafka;
    const batchAgeMs = Math.max(...config.pipelines.map((p) => p.batch.ageMs));
    const about = { tool, version, clusterId: first.clusterId, instanceId, batchAgeMs };
    const view = daemonView({ ...about, client, pipelines, budget, clock });
    host.publish({ ...view, notReady: () => this.#missing() ?? view.notReady() });
  }

  /** Which pipelines wait for what they need to begin. */
  #missing(): string | null {
    const waiting = this.#config.pipelines.filter(({ name }) => !this.#open.has(name));
    if (waiting.length === 0) return null;
    return `not begun yet: pipeline ${waiting.map(({ name }) => name).join(", ")}`;
  }

  /** All there are; which one decides is known of those that are open. */
  #sinks({ sinks }: Pipeline): { name: string; kind: string; primary: boolean }[] {
    const opened = sinks.map(({ name, kind }, i) => ({ name, kind, primary: i === 0 }));
    const others = this.#config.sinks.filter((s) => opened.every((o) => o.name !== s.name));
    return [...opened, ...others.map(({ name, kind }) => ({ name, kind, primary: false }))];
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
