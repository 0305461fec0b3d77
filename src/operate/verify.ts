import { readFile } from "node:fs/promises";
import { kafkaOptions } from "../config/kafka-options.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";
import { KafkaClient } from "../kafka/client/kafka-client.ts";
import { type Arguments, SCOPE_OPTIONS } from "./arguments.ts";
import { scopeFilter } from "./choose-scopes.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { chooseSinks, withSinks } from "./open-sinks.ts";
import { quietLog } from "./quiet-log.ts";
import { type Archive, archivesOf, joined } from "./verify/archives.ts";
import { type Identity, parseIdentities } from "./verify/foreign-age.ts";
import { type SeedKeys, seedKeys } from "./verify/foreign-keys.ts";
import { foreignOpener } from "./verify/foreign-opener.ts";
import { LiveTopics } from "./verify/live-topic.ts";
import { VerifyBar } from "./verify/progress-bar.ts";
import type { VerifyReport } from "./verify/report.ts";
import { runVerify } from "./verify/run-verify.ts";
import { summary } from "./verify/summary.ts";

export const verifyCommand: Command = {
  name: "verify",
  summary: "prove that the sinks hold every record once, or name what is wrong",
  details:
    "Trusts nothing: recomputes links, MACs and digests with code of its own. Without --deep no " +
    "file is opened, so no identity is needed. Safe beside a running daemon. docs/verify.md " +
    "lists the problem codes.",
  options: [
    { flags: "--sink <name>", text: "which sink; default: all", repeat: true },
    ...SCOPE_OPTIONS,
    { flags: "--deep", text: "open every file: CRC, counts, digests, every offset accounted for" },
    { flags: "--across-sinks", text: "prove that the sinks hold the same bytes" },
    { flags: "--against-kafka", text: "compare record by record with the live topic" },
    { flags: "--identity <file>", text: "age identity that opens encrypted files" },
    {
      flags: "--sample <percent>",
      text: "read only this share of the files, such as 5%",
      parse: percent,
    },
  ],
  examples: [
    "bulk-archiver verify",
    "bulk-archiver verify --deep --against-kafka --identity ./keys/identity",
    "bulk-archiver verify --across-sinks --topic logs --json",
  ],
  schema: "verify.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const named = args.texts("sink");
    const chosen = named.length === 0 ? config.sinks : chooseSinks(config, named);
    const archives = archivesOf(config, chosen);
    const across = args.flag("acrossSinks");
    if (across && archives.every(({ sinks }) => sinks.length < 2)) {
      throw new ArchiverError("usage", "--across-sinks needs at least two sinks of one archive");
    }
    const identities = await identitiesOf(args);
    const { out, signal, tool } = context;
    const bar = new VerifyBar(out.stderr);
    const kafka = args.flag("againstKafka") ? await openKafka(config, context) : undefined;
    try {
      const report = await withSinks(config, chosen, context, (sinks) =>
        eachArchive(archives, async (archive) =>
          runVerify(
            {
              tool,
              sinks: sinks.filter(({ name }) => archive.sinks.includes(name)),
              seeds: await seedsOf(archive.pipelines),
              across: across && archive.sinks.length > 1,
              progress: bar,
              filter: scopeFilter(args),
              open: foreignOpener(identities),
              deep: args.flag("deep"),
              topics: kafka?.topicsOf(archive.pipelines),
              samplePercent: args.number("sample") ?? 100,
            },
            signal,
          ),
        ),
      );
      bar.stop();
      await (out.json ? out.document(report) : out.stream([summary(report)]));
      return report.ok ? EXIT.done : EXIT.different;
    } finally {
      bar.stop();
      await kafka?.close();
    }
  },
};

/** The scope that was named has to be in one of them. @throws ArchiverError nothing-in-scope */
async function eachArchive(
  archives: readonly Archive[],
  look: (archive: Archive) => Promise<VerifyReport>,
): Promise<VerifyReport> {
  const reports: VerifyReport[] = [];
  let nothing: ArchiverError | null = null;
  for (const archive of archives) {
    try {
      reports.push(await look(archive));
    } catch (error) {
      if (!(error instanceof ArchiverError) || error.code !== "nothing-in-scope") throw error;
      nothing = error;
    }
  }
  const [first, ...others] = reports;
  if (first !== undefined) return joined(first, others);
  throw nothing ?? new ArchiverError("nothing-in-scope", "there is no sink to look at");
}

/** `5%` or `0.5%`. @throws ArchiverError usage */
function percent(text: string): number {
  const value = /^\d{1,3}(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (value > 0 && value <= 100) return value;
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no share such as 5%`);
}

/** @throws ArchiverError `key-invalid` */
async function identitiesOf(args: Arguments): Promise<readonly Identity[]> {
  const file = args.text("identity");
  if (file === undefined) return [];
  return parseIdentities(await readKeyFile(file, "identity file"));
}

async function seedsOf(
  pipelines: readonly PipelineConfig[],
): Promise<ReadonlyMap<string, SeedKeys>> {
  const files = pipelines.flatMap((p) => (p.encryption === null ? [] : [p.encryption.seedFile]));
  const seeds = new Map<string, SeedKeys>();
  for (const file of new Set(files)) {
    for (const [id, keys] of seedKeys(await readKeyFile(file, "seed file"))) seeds.set(id, keys);
  }
  return seeds;
}

async function readKeyFile(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new ArchiverError(
      "key-invalid",
      `the ${what} ${file} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  }
}

interface OpenKafka {
  readonly topicsOf: (
    pipelines: readonly PipelineConfig[],
  ) => (names: readonly string[]) => LiveTopics;
  close(): Promise<void>;
}

async function openKafka(config: Config, context: CommandContext): Promise<OpenKafka> {
  const { clock, random, signal } = context;
  const client = await KafkaClient.open(kafkaOptions(config.kafka), quietLog, signal);
  const opened: LiveTopics[] = [];
  return {
    topicsOf: (pipelines) => (names) => {
      const groupOf = (topic: string): string | null =>
        pipelines.find((p) => selects(p, topic))?.group ?? null;
      const live = new LiveTopics({ client, topics: names, groupOf, log: quietLog, clock, random });
      opened.push(live);
      return live;
    },
    close: async () => {
      for (const live of opened) live.close();
      await client.close();
    },
  };
}

const selects = (pipeline: PipelineConfig, topic: string): boolean =>
  pipeline.topics.some((t) =>
    typeof t === "string" ? t === topic : new RegExp(t.regex, "u").test(topic),
  );
