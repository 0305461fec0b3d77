import type { Config, HeadsConfig, PipelineConfig } from "../../config/config.ts";
import { kafkaOptions } from "../../config/kafka-options.ts";
import { ArchiverError } from "../../core/errors.ts";
import { KafkaClient } from "../../kafka/client/kafka-client.ts";
import type { Sink } from "../../sdk/sink.ts";
import type { CommandContext } from "../command.ts";
import { withSinks } from "../open-sinks.ts";
import { quietLog } from "../quiet-log.ts";
import type { PublicKeys } from "./foreign-signatures.ts";
import { type Heads, headsOfFile, headsOfText } from "./heads.ts";
import { LiveTopics } from "./live-topic.ts";
import { topicItems } from "./topic-items.ts";

/** Of each chain as many as are read from a sink that keeps every one. */
const NEWEST = 10;
const MAX_TEXT_CHARS = 256 << 20;

/** Heads as the pipelines publish them. @throws ArchiverError `usage` when none does */
export async function configuredHeads(
  config: Config,
  pipelines: readonly PipelineConfig[],
  keys: PublicKeys,
  context: CommandContext,
): Promise<Heads> {
  const all: Heads[] = [];
  for (const { heads } of pipelines) {
    if (heads !== null) all.push(await headsAt(config, heads.place, keys, context));
  }
  const [first, ...others] = all;
  if (first === undefined) {
    const text = "--head: name a file, or say in the configuration where `heads` are published";
    throw new ArchiverError("usage", text);
  }
  return others.reduce(
    (a, b) => ({ ...a, heads: [...a.heads, ...b.heads], from: `${a.from}, ${b.from}` }),
    first,
  );
}

async function headsAt(
  config: Config,
  place: HeadsConfig["place"],
  keys: PublicKeys,
  context: CommandContext,
): Promise<Heads> {
  if ("file" in place) return headsOfFile(place.file, keys);
  if ("topic" in place) {
    const text = await topicText(config, place.topic, context);
    return headsOfText(text, `topic ${place.topic}`, keys);
  }
  const chosen = config.sinks.filter(({ name }) => name === place.sink);
  const text = await withSinks(config, chosen, context, async ([opened]) =>
    opened === undefined ? "" : sinkText(opened.sink, context.signal),
  );
  return headsOfText(text, `sink ${place.sink}`, keys);
}

async function sinkText({ documents }: Sink, signal: AbortSignal): Promise<string> {
  const byChain = new Map<string, string[]>();
  if (documents === undefined) return "";
  for await (const path of documents.list("heads", signal)) {
    const chain = path.slice(0, path.lastIndexOf("/"));
    const known = byChain.get(chain) ?? [];
    known.push(path);
    if (known.length > NEWEST) known.shift();
    byChain.set(chain, known);
  }
  let text = "";
  for (const path of [...byChain.values()].flat()) {
    const bytes = await documents.read(path, signal);
    text += Buffer.from(bytes ?? []).toString("utf8");
  }
  return text;
}

/** The values of all records of its one partition, in order. */
async function topicText(config: Config, topic: string, context: CommandContext): Promise<string> {
  const { clock, random, signal } = context;
  const client = await KafkaClient.open(kafkaOptions(config.kafka), quietLog, signal);
  const options = { client, topics: [topic], groupOf: () => null, log: quietLog, clock, random };
  const live = new LiveTopics(options);
  try {
    const { topics } = await client.metadata([topic], signal);
    const topicId = topics[0]?.topicId ?? "";
    const range = await live.range(topic, topicId, 0, signal);
    if (range === undefined)
      throw new ArchiverError("topic-missing", `Kafka has no topic ${topic}`);
    const text: string[] = [];
    let chars = 0;
    const all = { from: range.start, to: range.end };
    for await (const item of topicItems(live, topic, 0, all, signal)) {
      if (item.kind !== "record" || item.record.value === null) continue;
      text.push(item.record.value.toString("utf8"));
      chars += text.at(-1)?.length ?? 0;
      if (chars > MAX_TEXT_CHARS)
        throw new ArchiverError("usage", `topic ${topic} holds more than 256 MiB of heads`);
    }
    return text.join("");
  } finally {
    live.close();
    await client.close();
  }
}
