import type { KafkaReport, PartitionReport, Problem, SinkReport, VerifyReport } from "./report.ts";

const MAX_SHOWN = 30;

/** What a person reads: problems first, then a line per sink and partition, then the verdict. */
export function summary(report: VerifyReport): string {
  const problems = allProblems(report);
  const lines: string[] = [];
  for (const { where, problem } of problems.slice(0, MAX_SHOWN))
    lines.push(`PROBLEM  ${where}  ${show(problem)}`);
  if (problems.length > MAX_SHOWN)
    lines.push(`         and ${problems.length - MAX_SHOWN} more (--json lists them)`);
  if (problems.length > 0) lines.push("");
  for (const sink of report.sinks) lines.push(...sinkLines(sink));
  if (report.across !== undefined) {
    const { ok, sinks, batches } = report.across;
    const what = ok ? "hold the same batches, byte for byte" : "DIFFER";
    lines.push(`across   ${sinks.join(", ")}: ${batches} batches, ${what}`);
  }
  if (report.againstKafka !== undefined) lines.push(...kafkaLines(report.againstKafka));
  lines.push(...evidenceLines(report));
  lines.push("", report.ok ? verdict(report) : `${problems.length} problems found.`);
  return `${lines.join("\n")}\n`;
}

function evidenceLines({ evidence }: VerifyReport): string[] {
  const lines = evidence.filter(({ used }) => used).map(({ of, text }) => `${of}: ${text}`);
  const unused = evidence.filter(({ used }) => !used).map(({ of }) => of);
  const not = unused.length === 0 ? [] : [`not used: ${unused.join(", ")}`];
  return ["", ...[...lines, ...not].map((line) => `evidence ${line}`)];
}

function verdict(report: VerifyReport): string {
  const { quick, deep, samplePercent, sampleSeed, macsChecked } = report.scope;
  const seed = sampleSeed === undefined ? "" : ` (--sample-seed ${sampleSeed})`;
  const read = quick
    ? "no file was read"
    : samplePercent < 100
      ? `${samplePercent}% of the files were read${seed}`
      : "every file was read";
  const depth = deep ? `${read} and opened` : `${read}; --deep opens them as well`;
  const macs = macsChecked
    ? "manifests carry the right MAC"
    : "no seed configured, so no MAC was checked";
  return `No problem found: ${depth}; ${macs}.`;
}

function sinkLines(sink: SinkReport): string[] {
  const records = sink.partitions.reduce((sum, p) => sum + p.records, 0n);
  const batches = sink.partitions.reduce((sum, p) => sum + p.batches, 0);
  const mark = sink.ok ? "ok      " : "PROBLEM ";
  const head = `${mark} ${sink.name}: ${batches} batches, ${records} records`;
  return [head, ...sink.partitions.map((p) => `           ${partitionLine(p)}`)];
}

function partitionLine(p: PartitionReport): string {
  const range = p.firstOffset === null ? "nothing" : `offsets [${p.firstOffset}, ${p.nextOffset})`;
  const parts = [`${p.topic}/${p.partition}${p.branch > 0 ? ` branch ${p.branch}` : ""}`, range];
  parts.push(`${p.batches} batches`, `${p.records} records`);
  if (p.expired > 0) parts.push(`${p.expired} expired`);
  if (p.pending > 0) parts.push(`${p.pending} in progress`);
  if (p.behind > 0n) parts.push(`${p.behind} offsets behind`);
  if (p.gaps.length > 0) parts.push(`${p.gaps.length} gaps`);
  if (p.overlaps.length > 0) parts.push(`${p.overlaps.length} overlaps`);
  if (p.problems.length > 0) parts.push(`${p.problems.length} problems`);
  return parts.join("  ");
}

function kafkaLines(kafka: KafkaReport): string[] {
  const { explained } = kafka;
  const { compared, lost, duplicated, different } = kafka;
  const { aborted, control, compacted, deadLettered } = explained;
  const wrong = `${lost} lost, ${duplicated} duplicated, ${different} different`;
  const counts = `${compared} records compared, ${wrong}`;
  const dead = deadLettered === 0n ? "" : `, ${deadLettered} dead-lettered`;
  const holes = `${aborted} aborted, ${control} control, ${compacted} compacted${dead}`;
  const rest = `${holes} offsets explained`;
  const lines = [
    `${kafka.ok ? "ok      " : "PROBLEM "} against Kafka (${kafka.sink}): ${counts}; ${rest}`,
  ];
  for (const { topic, partition, note } of kafka.partitions) {
    if (note !== undefined) lines.push(`           ${topic}/${partition}: ${note}`);
  }
  return lines;
}

function allProblems(report: VerifyReport): readonly { where: string; problem: Problem }[] {
  const at = (p: { topic: string; partition: number }): string => `${p.topic}/${p.partition}`;
  return [
    ...report.sinks.flatMap(({ name, problems, partitions }) => [
      ...(problems ?? []).map((problem) => ({ where: name, problem })),
      ...partitions.flatMap((p) =>
        p.problems.map((problem) => ({ where: `${name} ${at(p)}`, problem })),
      ),
    ]),
    ...(report.across?.problems ?? []).map((problem) => ({
      where: `${problem.sink} ${at(problem)}`,
      problem,
    })),
    ...(report.againstKafka?.partitions ?? []).flatMap((p) =>
      p.problems.map((problem) => ({ where: `kafka ${at(p)}`, problem })),
    ),
  ];
}

function show({ code, path, start, text }: Problem): string {
  const where = path ?? (start === undefined ? "" : `offset ${start}`);
  return `${code}  ${where === "" ? "" : `${where}  `}${text}`;
}
