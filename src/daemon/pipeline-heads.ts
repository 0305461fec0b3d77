import type { Config, HeadsConfig } from "../config/config.ts";
import { assert } from "../core/assert.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import type { Scope } from "../core/scope.ts";
import type { Signer } from "../core/signature.ts";
import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import type { Log } from "../kafka/client/options.ts";
import type { Sink } from "../sdk/sink.ts";
import { sinkOfHeads, topicOfHeads } from "./head-places.ts";
import { fileOfHeads, type HeadPlace, HeadPublisher } from "./heads.ts";
import { repeat } from "./repeat.ts";

export interface HeadsPorts {
  readonly identity: {
    readonly archiveId: string;
    readonly clusterId: string;
    readonly signer: Signer | null;
    readonly sinks: readonly { readonly name: string; readonly sink: Sink }[];
  };
  readonly client: KafkaClient;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long the end of the process waits for the last heads. */
const LAST_MS = 5_000;

/** What one pipeline publishes of its chains, as `heads` says; a place that is away is tried again. */
export interface PipelineHeads {
  saw(scope: Scope, head: { readonly end: bigint; readonly link: string }): void;
  /** After the pipeline was drained: publishes what is due, for some seconds. Never rejects. */
  close(): Promise<void>;
}

export async function openHeads(
  { place, everyMs }: HeadsConfig,
  ports: HeadsPorts,
  signal: AbortSignal,
): Promise<PipelineHeads> {
  const { archiveId, clusterId, signer } = ports.identity;
  assert(signer !== null, "heads come with a signing key");
  const opened = await openPlace(place, ports, signal);
  const publisher = new HeadPublisher({ place: opened.place, signer, archiveId, clusterId });
  const { clock, log } = ports;
  const stop = new AbortController();
  const loop = repeat(
    everyMs,
    () => published(publisher, log, stop.signal),
    { clock, log },
    stop.signal,
  );
  return {
    saw: (scope, head) => publisher.saw(scope, head),
    close: async () => {
      stop.abort(new ArchiverError("interrupted", "the pipeline ended"));
      await loop;
      await published(publisher, log, AbortSignal.timeout(LAST_MS));
      await opened.close();
    },
  };
}

/** Never rejects: an archive goes on without a place for its heads. */
async function published(publisher: HeadPublisher, log: Log, signal: AbortSignal): Promise<void> {
  try {
    await publisher.publish(signal);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    log.warn({ error: text }, "heads could not be published; they are published later");
  }
}

interface OpenPlace {
  readonly place: HeadPlace;
  readonly close: () => Promise<void>;
}

const nothing = (): Promise<void> => Promise.resolve();

async function openPlace(
  place: HeadsConfig["place"],
  { identity, client, config, clock }: HeadsPorts,
  signal: AbortSignal,
): Promise<OpenPlace> {
  if ("file" in place) return { place: fileOfHeads(place.file), close: nothing };
  if ("topic" in place) {
    return { place: topicOfHeads(client, place.topic, clock), close: nothing };
  }
  const name = place.sink;
  const own = identity.sinks.find((s) => s.name === name);
  if (own !== undefined) return { place: sinkOfHeads(name, own.sink), close: nothing };
  const found = config.sinks.find((s) => s.name === name);
  if (found === undefined) throw new ArchiverError("config-invalid", `heads.sink: no sink ${name}`);
  const host = { name, baseDir: config.baseDir };
  const sink = await found.plugin.open(found.config, host, signal);
  return { place: sinkOfHeads(name, sink), close: () => sink.close() };
}
