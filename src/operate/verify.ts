import { kafkaOptions } from "../config/kafka-options.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import { KafkaClient } from "../kafka/client/kafka-client.ts";
import { type Arguments, SCOPE_OPTIONS } from "./arguments.ts";
import { scopeFilter } from "./choose-scopes.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { type CommandSink, chooseSinks, withSinks } from "./open-sinks.ts";
import { quietLog } from "./quiet-log.ts";
import { type Archive, archivesOf, joined } from "./verify/archives.ts";
import { configuredHeads } from "./verify/configured-heads.ts";
import { foreignOpener } from "./verify/foreign-opener.ts";
import { type Heads, headsOfFile } from "./verify/heads.ts";
import { expiryOf, readIdentities, readPublicKeys, readSeeds, selects } from "./verify/inputs.ts";
import { LiveTopics } from "./verify/live-topic.ts";
import { VerifyBar } from "./verify/progress-bar.ts";
import type { VerifyReport } from "./verify/report.ts";
import { runVerify, type VerifyRequest } from "./verify/run-verify.ts";
import type { Sampling } from "./verify/sampling.ts";
import { summary } from "./verify/summary.ts";
import { refusePartial, tellProof } from "./verify/tell-proof.ts";

export const verifyCommand: Command = {
  name: "verify",
  summary: "prove that the sinks hold every record once, or name what is wrong",
  details:
    "Trusts nothing: recomputes links, MACs, signatures and digests with code of its own. Without " +
    "--deep no file is opened, so no identity is needed. Safe beside a running daemon. " +
    "docs/verify.md lists the grades, the evidence and the problem codes.",
  options: [
    { flags: "--sink <name>", text: "which sink; default: all", repeat: true },
    ...SCOPE_OPTIONS,
    { flags: "--quick", text: "manifests and listings only: no file is read" },
    {
      flags: "--no-index",
      text: "leave roll-ups aside: with --quick every manifest is read as well",
    },
    { flags: "--deep", text: "open every file: CRC, counts, digests, every offset accounted for" },
    { flags: "--across-sinks", text: "prove that the sinks hold the same bytes" },
    { flags: "--against-kafka", text: "compare record by record with the live topic" },
    { flags: "--identity <file>", text: "age identity that opens encrypted files" },
    {
      flags: "--sample <percent>",
      text: "read only this share of the files, such as 5%",
      parse: percent,
    },
    {
      flags: "--sample-seed <text>",
      text: "with --sample: the files of an earlier run again, by the seed that it printed",
    },
    {
      flags: "--public-key <file>",
      text: "every manifest is signed by one of these keys (PEM); default: the configured key",
      repeat: true,
    },
    {
      flags: "--head [file]",
      text: "published heads prove that nothing was removed from the end; default: where the configuration publishes them",
    },
    {
      flags: "--tell",
      text: "leave the outcome in Kafka, where the daemons' page shows it; of whole topics in all sinks",
    },
  ],
  examples: [
    "bulk-archiver verify",
    "bulk-archiver verify --quick --public-key ./keys/signing.pub --head ./heads",
    "bulk-archiver verify --sample 5% --deep --identity ./keys/identity",
    "bulk-archiver verify --deep --against-kafka --identity ./keys/identity",
    "bulk-archiver verify --across-sinks --topic logs --json",
    "bulk-archiver verify --across-sinks --tell",
  ],
  schema: "verify.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const named = args.texts("sink");
    const chosen = named.length === 0 ? config.sinks : chooseSinks(config, named);
    const archives = archivesOf(config, chosen);
    if (args.flag("acrossSinks") && archives.every(({ sinks }) => sinks.length < 2)) {
      throw new ArchiverError("usage", "--across-sinks needs at least two sinks of one archive");
    }
    const { out, signal } = context;
    if (args.flag("tell")) refusePartial(args);
    const asked = await askedFor(args, context);
    const bar = new VerifyBar(out.stderr);
    const kafka = args.flag("againstKafka") ? await openKafka(config, context) : undefined;
    try {
      const report = await withSinks(config, chosen, context, (sinks) =>
        eachArchive(archives, async (archive) => {
          const own = await ofArchive(config, archive, sinks, args, context);
          const topics = kafka?.topicsOf(archive.pipelines);
          return runVerify({ ...asked, ...own, topics, progress: bar }, signal);
        }),
      );
      bar.stop();
      await (out.json ? out.document(report) : out.stream([summary(report)]));
      if (args.flag("tell")) await tellProof(report, config, context);
      return report.ok ? EXIT.done : EXIT.different;
    } finally {
      bar.stop();
      await kafka?.close();
    }
  },
};

type Asked = Pick<
  VerifyRequest,
  "tool" | "filter" | "open" | "quick" | "index" | "deep" | "sampling" | "wall"
>;

async function askedFor(args: Arguments, context: CommandContext): Promise<Asked> {
  const { tool, clock } = context;
  const [quick, deep] = [args.flag("quick"), args.flag("deep")];
  const share = args.number("sample");
  if (quick && (deep || share !== undefined)) {
    throw new ArchiverError("usage", "--quick reads no file: --deep and --sample do");
  }
  const open = foreignOpener(await readIdentities(args.text("identity")));
  const sampling = samplingOf(share, args.text("sampleSeed"), context);
  const wall = (): number => clock.wall();
  const index = args.value<boolean>("index") !== false;
  return { tool, filter: scopeFilter(args), open, quick, index, deep, sampling, wall };
}

function samplingOf(
  percent: number | undefined,
  seed: string | undefined,
  { random }: CommandContext,
): Sampling {
  if (percent === undefined && seed !== undefined)
    throw new ArchiverError("usage", "--sample-seed needs --sample");
  const fresh = Buffer.from(random.bytes(8)).toString("hex");
  return { percent: percent ?? 100, seed: seed ?? fresh };
}

type OfArchive = Pick<
  VerifyRequest,
  "sinks" | "seeds" | "publicKeys" | "requireSignatures" | "heads" | "across" | "expiry"
>;

async function ofArchive(
  config: Config,
  archive: Archive,
  sinks: readonly CommandSink[],
  args: Arguments,
  context: CommandContext,
): Promise<OfArchive> {
  const { pipelines } = archive;
  const publicKeys = await readPublicKeys(args.texts("publicKey"), pipelines);
  const head = args.value<string | true>("head");
  const named = (): Heads | undefined =>
    typeof head === "string" ? headsOfFile(head, publicKeys) : undefined;
  return {
    sinks: sinks.filter(({ name }) => archive.sinks.includes(name)),
    seeds: await readSeeds(pipelines),
    publicKeys,
    // A partition that fell silent before `signing` was configured has no signature, and is none the worse.
    requireSignatures: args.texts("publicKey").length > 0,
    heads: head === true ? await configuredHeads(config, pipelines, publicKeys, context) : named(),
    across: args.flag("acrossSinks") && archive.sinks.length > 1,
    expiry: expiryOf(pipelines, context.clock.wall()),
  };
}

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
