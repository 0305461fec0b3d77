import type { Config } from "../config/config.ts";
import type { PartitionStatus, StatusReport } from "../observe/status-report.ts";
import type { Command, CommandContext } from "./command.ts";
import { askDaemon, merged } from "./daemon-status.ts";
import { EXIT } from "./exit-code.ts";
import { KafkaView } from "./kafka-view.ts";
import { withTriedSinks } from "./open-sinks.ts";
import { askedSinks, pipelineStatus, sinkStatus } from "./status-outside.ts";
import { table, timeText } from "./table.ts";

export const statusCommand: Command = {
  name: "status",
  summary: "show what is archived and what waits",
  details:
    "Reads the committed offsets and plans from Kafka and the newest batch of every partition from the sinks, so it works without a daemon. If one answers at http.listen, why a partition waits is shown as well.",
  options: [],
  examples: [
    "bulk-archiver status",
    "bulk-archiver status --json | jq '.partitions[] | select(.lag > 0)'",
  ],
  schema: "status.schema.json",
  run: async (_args, context) => {
    const config = await context.config();
    const { out, signal } = context;
    const outside = await statusOutside(config, context);
    const daemon =
      config.http === null
        ? { unknown: "http.listen is not configured" }
        : await askDaemon(config.http, signal);
    const report = "unknown" in daemon ? outside : merged(outside, daemon);
    if (out.json) await out.document(report);
    else {
      await out.text(statusLines(report));
      if ("unknown" in daemon) out.note(`why a partition waits is not known: ${daemon.unknown}`);
    }
    return EXIT.done;
  },
};

async function statusOutside(config: Config, context: CommandContext): Promise<StatusReport> {
  const { tool, version, signal } = context;
  const kafka = await KafkaView.open(config, context);
  try {
    return await withTriedSinks(config, config.sinks, context, async (tried) => {
      const asked = askedSinks(tried);
      const partitions: PartitionStatus[] = [];
      let clusterId: string | null = null;
      for (const pipeline of config.pipelines) {
        const view = await kafka.pipeline(pipeline);
        ({ clusterId } = view);
        partitions.push(...(await pipelineStatus(view, asked, signal)));
      }
      return {
        tool,
        version,
        source: "outside",
        group: config.pipelines[0]?.group ?? "",
        clusterId,
        partitions,
        sinks: sinkStatus(config, asked),
        memory: null,
        member: null,
      };
    });
  } finally {
    await kafka.close();
  }
}

const RIGHT = new Set(["COMMITTED", "END", "LAG"]);

function statusLines(report: StatusReport): string[] {
  const lag = report.partitions.reduce((sum, p) => sum + (p.lag ?? 0n), 0n);
  const uncommitted = report.partitions.filter((p) => p.committed === null).length;
  return [
    `group ${report.group}, cluster ${report.clusterId ?? "-"}`,
    ...(report.verdict === undefined ? [] : [report.verdict.sentence]),
    "",
    ...table(
      [
        "PARTITION",
        "COMMITTED",
        "END",
        "LAG",
        "PENDING PLAN",
        "LAST BATCH",
        "NEWEST RECORD",
        "STATE",
      ],
      report.partitions.map(partitionCells),
      RIGHT,
    ),
    "",
    ...table(
      ["SINK", "KIND", "STATE", "BEHIND", ""],
      report.sinks.map((s) => [
        s.primary ? `${s.name} (primary)` : s.name,
        s.kind,
        s.state,
        s.behind === null ? "-" : String(s.behind),
        s.state === "ok" ? "" : [s.lastError, s.next].filter((t) => t !== null).join("; "),
      ]),
    ),
    "",
    `${report.partitions.length} partitions, ${lag} offsets behind` +
      (uncommitted === 0 ? "" : `, ${uncommitted} partitions with nothing committed yet`),
  ];
}

function partitionCells(p: PartitionStatus): string[] {
  const { lastBatch: last } = p;
  const [first] = p.pendingPlans;
  const more = p.pendingPlans.length > 1 ? ` +${p.pendingPlans.length - 1}` : "";
  return [
    `${p.topic}/${p.partition}${p.branch > 0 ? ` branch ${p.branch}` : ""}`,
    String(p.committed ?? "-"),
    String(p.end ?? "-"),
    String(p.lag ?? "-"),
    first === undefined ? "-" : `[${first.start}, ${first.end})${more}`,
    last === null ? "-" : `[${last.start}, ${last.end})`,
    last === null ? "-" : timeText(last.maxTimestamp),
    p.waiting ?? (p.state === "unknown" ? "" : p.state),
  ];
}
