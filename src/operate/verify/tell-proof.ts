import type { Config } from "../../config/config.ts";
import { ArchiverError } from "../../core/errors.ts";
import { encodeProof, type ProofNote, proofGroup } from "../../core/proof-note.ts";
import { refuseCode } from "../../kafka/kafka-error.ts";
import { offsetCommit } from "../../kafka/requests/offsets.ts";
import type { Arguments } from "../arguments.ts";
import type { CommandContext } from "../command.ts";
import { KafkaView, type PipelineView } from "../kafka-view.ts";
import type { VerifyReport } from "./report.ts";

/** A part that is right says nothing of the rest. @throws ArchiverError usage */
export function refusePartial(args: Arguments): void {
  const narrowed = [args.number("partition"), args.text("topicId")].some((v) => v !== undefined);
  if (!narrowed && args.texts("sink").length === 0) return;
  throw new ArchiverError(
    "usage",
    "--tell is for whole topics in all sinks: leave out what narrows it",
  );
}

/** Leaves the outcome for each topic that was looked at and that Kafka has under the same id. */
export async function tellProof(
  report: VerifyReport,
  config: Config,
  context: CommandContext,
): Promise<void> {
  const kafka = await KafkaView.open(config, context);
  try {
    for (const pipeline of config.pipelines) {
      const entries = entriesOf(report, await kafka.pipeline(pipeline));
      if (entries.length === 0) continue;
      const group = proofGroup(pipeline.group);
      const request = offsetCommit({
        ...{ group, generation: -1, memberId: "", instanceId: null, entries },
      });
      await kafka.patiently(async () => {
        const { signal } = context;
        const answers = await kafka.client.sendToCoordinator(group, request, signal, "offsets");
        if (answers.some((a) => a.error !== 0)) kafka.client.forgetCoordinator(group);
        for (const { error, topic } of answers) refuseCode(error, `the proof of ${topic}`);
      });
    }
  } finally {
    await kafka.close();
  }
}

function entriesOf(report: VerifyReport, { topics }: PipelineView) {
  return topics.flatMap(({ topic, topicId }) => {
    const note = noteOf(report, topic, topicId);
    if (note === null) return [];
    return [{ topic, partition: 0, offset: 0n, leaderEpoch: -1, metadata: encodeProof(note) }];
  });
}

/** Null: it was not looked at. What concerns no topic, as `archive.json`, counts for each. */
function noteOf(report: VerifyReport, topic: string, topicId: string): ProofNote | null {
  const { scope, sinks, across, againstKafka, finishedAt } = report;
  const mine = (p: { readonly topic: string; readonly topicId: string }): boolean =>
    p.topic === topic && p.topicId === topicId;
  const looked = sinks.flatMap((s) => s.partitions.filter(mine));
  if (looked.length === 0) return null;
  const problems = [
    ...sinks.flatMap((s) => s.problems ?? []),
    ...looked.flatMap((p) => p.problems),
    ...(across?.problems.filter(mine) ?? []),
    ...(againstKafka?.partitions.filter(mine).flatMap((p) => p.problems) ?? []),
  ];
  const omitted = looked.reduce((sum, p) => sum + (p.problemsOmitted ?? 0), 0);
  return {
    atMs: Date.parse(finishedAt),
    problems: problems.length + omitted,
    grade: scope.quick ? "quick" : scope.deep ? "deep" : "stored",
    percent: scope.samplePercent,
    across: across !== undefined,
    againstKafka: againstKafka !== undefined,
  };
}
