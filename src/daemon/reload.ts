import { changesOf } from "../config/changes.ts";
import type { Config, PipelineConfig, SinkConfig } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import { TopicCatalogue } from "../kafka/topics.ts";
import type { Sink } from "../sdk/sink.ts";
import type { Pipeline } from "./open-pipeline.ts";

/** How long a sink may take to say whether it takes the new credentials. */
const ASK_MS = 10_000;

/** A sink that is opened and waits to take the place of the one at work. */
interface Replacement {
  readonly name: string;
  readonly pipeline: Pipeline;
  readonly plain: Sink;
  readonly config: SinkConfig;
}

/**
 * Takes what may change while the daemon runs: all of it, or nothing. `pipelines`: those that are open
 * now; the others are opened with what `after` says. Answers the changed keys.
 * @throws ArchiverError config-invalid for what cannot change, and what a sink or Kafka refuses
 */
export async function reload(
  before: Config,
  after: Config,
  pipelines: readonly Pipeline[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const changes = changesOf(before, after);
  if (changes.refused.length > 0) {
    const text = changes.refused
      .map(({ key, why }) => `${key} has changed, which ${why}`)
      .join("; ");
    throw new ArchiverError("config-invalid", text);
  }
  const moved = pipelines.filter((p) => changes.topics.includes(p.name));
  for (const p of moved) await topicsAreThere(p, pipelineOf(after, p), signal);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
  const replacements = await opened(pipelines, after, changes.sinks, limit);
  for (const p of moved) {
    p.catalogue.select(pipelineOf(after, p).topics);
    await p.archiver.refreshTopics();
  }
  for (const { name, pipeline, plain, config } of replacements) {
    const sink = pipeline.sinks.find((s) => s.name === name);
    await sink?.replace(plain, config.limits);
  }
  return changes.live;
}

function pipelineOf(config: Config, { name }: Pipeline): PipelineConfig {
  const found = config.pipelines.find((p) => p.name === name);
  if (found === undefined) throw new ArchiverError("config-invalid", `no pipeline ${name}`);
  return found;
}

/** @throws ArchiverError topic-missing */
async function topicsAreThere(p: Pipeline, to: PipelineConfig, signal: AbortSignal): Promise<void> {
  await new TopicCatalogue(p.client, to.topics).refresh(signal, true);
}

/** Opens every sink that changed; when one is refused, those that were opened are closed again. */
async function opened(
  pipelines: readonly Pipeline[],
  after: Config,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Replacement[]> {
  const found: Replacement[] = [];
  await using stack = new AsyncDisposableStack();
  for (const pipeline of pipelines) {
    for (const config of after.sinks) {
      const { name, plugin } = config;
      if (!names.includes(name) || pipeline.sinks.every((s) => s.name !== name)) continue;
      const { partitionCount } = pipeline;
      const host = { name, baseDir: after.baseDir, partitionCount };
      const plain = await plugin.open(config.config, host, signal);
      stack.defer(() => plain.close());
      await accepted(name, plain, signal);
      found.push({ name, pipeline, plain, config });
    }
  }
  stack.move();
  return found;
}

/** A sink that is away cannot say it: then the new credentials are tried when it is back. */
async function accepted(name: string, sink: Sink, signal: AbortSignal): Promise<void> {
  try {
    await sink.identity(signal);
  } catch (error) {
    if (!(error instanceof ArchiverError) || error.code !== "sink-unauthorized") return;
    const text = `sink ${name} refuses the new credentials: ${error.message}`;
    throw new ArchiverError("sink-unauthorized", text, { cause: error });
  }
}
