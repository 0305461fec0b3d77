import type { Config } from "../config/config.ts";
import { sizeText } from "../config/units.ts";
import { ArchiverError } from "../core/errors.ts";
import { checkConfig } from "./check-config.ts";
import { type CheckReport, type Estimate, type Found, ok } from "./check-report.ts";
import { checkGroup } from "./check-group.ts";
import { checkSinks, raised } from "./check-sinks.ts";
import { checkTopics } from "./check-topics.ts";
import type { Command, CommandContext } from "./command.ts";
import { explainConfig } from "./explain.ts";
import { estimate } from "./estimate.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { KafkaView, type PipelineView } from "./kafka-view.ts";
import { chooseSinks, withTriedSinks } from "./open-sinks.ts";

export const checkCommand: Command = {
  name: "check",
  summary: "try everything the daemon needs, and name every setting that can lose data",
  details:
    "Connects to Kafka, writes and removes a probe in every sink as the daemon would write, watches the topics for three seconds and says how many files and requests that makes a day. With --sink only that sink is tried.",
  options: [
    { flags: "--sink <name>", text: "only this sink, and nothing of Kafka", repeat: true },
    {
      flags: "--explain",
      text: "print every setting and where it comes from: a line of the file, the environment, a file or the default; nothing is connected",
    },
  ],
  examples: [
    "bulk-archiver check",
    "bulk-archiver check --sink ceph",
    "bulk-archiver check --explain",
    "bulk-archiver check --json",
  ],
  schema: "check.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    if (args.flag("explain")) return explainConfig(config, context);
    const names = args.texts("sink");
    const found = await checkConfig(config);
    const kafka = names.length > 0 ? NOT_ASKED : await checkKafka(config, context);
    found.push(...kafka.found);
    const chosen = names.length === 0 ? config.sinks : chooseSinks(config, names);
    await withTriedSinks(config, chosen, context, async (tried) => {
      found.push(...(await checkSinks(config, tried, kafka.clusterId, context.signal)));
    });
    const findings = found.map(({ level, about, code, text }) => ({ level, about, code, text }));
    const report: CheckReport = {
      ok: found.every((f) => f.level !== "error"),
      tool: context.tool,
      findings,
      estimate: kafka.estimate,
    };
    const { out } = context;
    await (out.json ? out.document(report) : out.text(lines(report)));
    return worst(found);
  },
};

interface KafkaFound {
  readonly found: readonly Found[];
  readonly clusterId: string | null;
  readonly estimate: Estimate | null;
}

const NOT_ASKED: KafkaFound = { found: [], clusterId: null, estimate: null };

async function checkKafka(config: Config, context: CommandContext): Promise<KafkaFound> {
  const { signal, clock } = context;
  const found: Found[] = [];
  let clusterId: string | null = null;
  let kafka: KafkaView | undefined;
  try {
    kafka = await KafkaView.open(config, context);
    const views: PipelineView[] = [];
    for (const pipeline of config.pipelines) {
      const view = await kafka.pipeline(pipeline);
      ({ clusterId } = view);
      const { topics, partitions } = view;
      const text = `cluster ${clusterId}, ${kafka.client.brokerIds.length} brokers; pipeline ${pipeline.name}: ${topics.length} topics, ${partitions.length} partitions`;
      found.push(ok("kafka", "kafka", text));
      found.push(...(await checkTopics(kafka, view, config.kafka.sessionTimeoutMs, signal)));
      found.push(...(await checkGroup(view)));
      views.push(view);
    }
    return { found, clusterId, estimate: await estimate(views, clock, signal) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ArchiverError)) throw error;
    return { found: [...found, raised("kafka", error)], clusterId, estimate: null };
  } finally {
    await kafka?.close();
  }
}

/** A wrong setting is named before a service that is away, and that before anything else. */
function worst(found: readonly Found[]): ExitCode {
  const codes = new Set(found.map((f) => f.exit));
  if (codes.has(2)) return EXIT.usage;
  if (codes.has(4)) return EXIT.unreachable;
  return codes.has(1) ? EXIT.failed : EXIT.done;
}

function lines(report: CheckReport): string[] {
  const { estimate: e, findings } = report;
  const count = (level: string): number => findings.filter((f) => f.level === level).length;
  return [
    ...findings.map((f) => `${f.level.padEnd(7)}  ${f.about}: ${f.text}`),
    "",
    ...(e === null ? [] : [estimateLine(e)]),
    `${count("error")} errors, ${count("warning")} warnings`,
  ];
}

const estimateLine = (e: Estimate): string =>
  `At the present rate (${e.recordsPerSecond} records/s, ${sizeText(e.bytesPerSecond)}/s, watched for ${e.seconds} s): about ${e.filesPerDay} files and ${e.requestsPerDay} requests a day in each sink.`;
