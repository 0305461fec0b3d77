import type { Config } from "../../config/config.ts";
import { kafkaOptions } from "../../config/kafka-options.ts";
import { size } from "../../config/units.ts";
import { ArchiverError } from "../../core/errors.ts";
import { topicName } from "../../core/manifest-schema.ts";
import type { KafkaOptions } from "../../kafka/client/options.ts";
import { CODECS, type RecordCodec } from "../../record-batch/header.ts";
import { loadSeeds, type Seed } from "../../seal/keys.ts";
import { type Arguments, RANGE_OPTIONS, SCOPE_OPTIONS, wholeNumber } from "../arguments.ts";
import type { CommandOption } from "../command.ts";

export const RESTORE_OPTIONS: readonly CommandOption[] = [
  {
    flags: "--to-topic <name>",
    text: "topic that the records go to",
    required: true,
    parse: targetTopic,
  },
  {
    flags: "--to-brokers <list>",
    text: "host:port,… of another cluster, with the configuration's ssl and sasl; default: its own",
    parse: brokerList,
  },
  { flags: "--sink <name>", text: "which sink to read; default: the first" },
  ...SCOPE_OPTIONS.map((o) => (o.flags.startsWith("--topic <") ? { ...o, required: true } : o)),
  ...RANGE_OPTIONS,
  {
    flags: "--map <from:to>",
    text: "records of a source partition go to this one; default: to the same",
    repeat: true,
    parse: partitionPair,
  },
  { flags: "--no-lineage", text: "leave out the headers bulk-archiver.* that say where it was" },
  {
    flags: "--compression <codec>",
    text: "none, gzip, snappy, lz4 or zstd; default: as it was",
    parse: codec,
  },
  { flags: "--no-create", text: "refuse a target topic that is not there" },
  {
    flags: "--topic-setting <name=value>",
    text: "of a target topic that is made",
    repeat: true,
    parse: setting,
  },
  { flags: "--replication-factor <number>", text: "of topics that are made", parse: wholeNumber },
  { flags: "--allow-loop", text: "also to a topic that the configuration archives" },
  { flags: "--out-of-order", text: "also lower offsets behind higher ones" },
  { flags: "--skip-undecodable", text: "leave out, and list, what cannot be decoded" },
  {
    flags: "--transaction <size>",
    text: "archived bytes of one transaction; default: 64MiB",
    parse: transactionSize,
  },
  {
    flags: "--run <name>",
    text: "restores of another name know nothing of each other; default: default",
    parse: runName,
  },
  { flags: "--identity <file>", text: "age identity that opens encrypted files" },
  { flags: "--dry-run", text: "read and verify everything, write nothing" },
];

interface PartitionPair {
  readonly from: number;
  readonly to: number;
}

/** How the partitions of the source go to those of the target. @throws ArchiverError usage */
export function partitionMap(args: Arguments): (partition: number) => number {
  const pairs = args.value<readonly PartitionPair[]>("map") ?? [];
  const map = new Map(pairs.map(({ from, to }) => [from, to]));
  if (map.size < pairs.length) {
    throw new ArchiverError("usage", "--map: a source partition is there twice");
  }
  return (partition) => map.get(partition) ?? partition;
}

export const topicSettings = (args: Arguments): Readonly<Record<string, string>> =>
  Object.fromEntries(args.value<readonly (readonly [string, string])[]>("topicSetting") ?? []);

/** The cluster that is written to. */
export function targetOptions(config: Config, args: Arguments): KafkaOptions {
  const brokers = args.value<readonly string[]>("toBrokers");
  const options = kafkaOptions(config.kafka);
  return brokers === undefined ? options : { ...options, brokers };
}

/** Of every pipeline: any of them may have written what the sink holds. */
export async function allSeeds(config: Config): Promise<readonly Seed[]> {
  const files = config.pipelines.flatMap(({ encryption: e }) => (e === null ? [] : [e.seedFile]));
  return (await Promise.all([...new Set(files)].map(loadSeeds))).flat();
}

function transactionSize(text: string): number {
  const found = size(4096, 1 << 30).safeParse(text);
  if (found.success) return found.data;
  throw new ArchiverError("usage", found.error.issues[0]?.message ?? "is no size such as 16MiB");
}

function brokerList(text: string): readonly string[] {
  const brokers = text.split(",").map((b) => b.trim());
  if (brokers.every((b) => /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(b)))
    return brokers;
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no list of host:port`);
}

function targetTopic(text: string): string {
  if (topicName.safeParse(text).success) return text;
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no topic name`);
}

function partitionPair(text: string): PartitionPair {
  const found = /^(\d{1,9}):(\d{1,9})$/.exec(text);
  if (found !== null) return { from: Number(found[1]), to: Number(found[2]) };
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no pair of partitions such as 3:0`);
}

function setting(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no setting such as retention.ms=-1`);
}

function runName(text: string): string {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text;
  throw new ArchiverError("usage", `${JSON.stringify(text)}: letters, digits, dots, dashes only`);
}

function codec(text: string): RecordCodec {
  const found = CODECS.find((c) => c === text);
  if (found !== undefined) return found;
  throw new ArchiverError("usage", `${JSON.stringify(text)} is none of ${CODECS.join(", ")}`);
}
