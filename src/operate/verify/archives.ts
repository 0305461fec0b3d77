import type { Config, PipelineConfig, SinkConfig } from "../../config/config.ts";
import type { AcrossReport, Evidence, KafkaReport, VerifyReport, VerifyTotals } from "./report.ts";

/** Sinks that belong together, and the pipelines that write to them: their seeds and groups count. */
export interface Archive {
  readonly sinks: readonly string[];
  readonly pipelines: readonly PipelineConfig[];
}

/**
 * Pipelines that share a sink write to one archive; sinks of others say nothing about it. A sink that
 * no pipeline writes to (any more) is an archive of its own.
 */
export function archivesOf(config: Config, chosen: readonly SinkConfig[]): readonly Archive[] {
  const archives: { sinks: Set<string>; pipelines: PipelineConfig[] }[] = [];
  for (const pipeline of config.pipelines) {
    const names = pipeline.sinks.map(({ name }) => name);
    const [first, ...others] = archives.filter((a) => names.some((n) => a.sinks.has(n)));
    const into = first ?? { sinks: new Set<string>(), pipelines: [] };
    if (first === undefined) archives.push(into);
    for (const { sinks, pipelines } of others) {
      for (const name of sinks) into.sinks.add(name);
      into.pipelines.push(...pipelines);
    }
    for (const name of names) into.sinks.add(name);
    into.pipelines.push(pipeline);
    archives.splice(0, archives.length, ...archives.filter((a) => !others.includes(a)));
  }
  const wanted = chosen.map(({ name }) => name);
  const written = archives
    .map(({ sinks, pipelines }) => ({ sinks: wanted.filter((n) => sinks.has(n)), pipelines }))
    .filter(({ sinks }) => sinks.length > 0);
  const known = new Set(written.flatMap(({ sinks }) => sinks));
  const others = wanted.filter((n) => !known.has(n));
  return [...written, ...others.map((n) => ({ sinks: [n], pipelines: [] }))];
}

/** One report of several archives: sinks side by side, counts added up. */
export function joined(first: VerifyReport, others: readonly VerifyReport[]): VerifyReport {
  const all = [first, ...others];
  const across = all.flatMap((r) => (r.across === undefined ? [] : [r.across]));
  const kafka = all.flatMap((r) => (r.againstKafka === undefined ? [] : [r.againstKafka]));
  return {
    ...first,
    ok: all.every(({ ok }) => ok),
    finishedAt: all.at(-1)?.finishedAt ?? first.finishedAt,
    totals: all.map(({ totals }) => totals).reduce(joinedTotals),
    evidence: all.map(({ evidence }) => evidence).reduce(joinedEvidence),
    scope: { ...first.scope, macsChecked: all.every(({ scope }) => scope.macsChecked) },
    sinks: all.flatMap(({ sinks }) => sinks),
    ...(across.length === 0 ? {} : { across: across.reduce(joinedAcross) }),
    ...(kafka.length === 0 ? {} : { againstKafka: kafka.reduce(joinedKafka) }),
  };
}

/** Of several archives what was used for each stands side by side. */
const joinedEvidence = (a: readonly Evidence[], b: readonly Evidence[]): readonly Evidence[] =>
  a.map((one, i) => {
    const other = b[i] ?? one;
    const text = one.text === other.text ? one.text : `${one.text}; ${other.text}`;
    return { ...one, used: one.used && other.used, text };
  });

function joinedTotals(a: VerifyTotals, b: VerifyTotals): VerifyTotals {
  const sum = (of: Exclude<keyof VerifyTotals, "records">): number => a[of] + b[of];
  return {
    sinks: sum("sinks"),
    partitions: sum("partitions"),
    batches: sum("batches"),
    records: a.records + b.records,
    filesRead: sum("filesRead"),
    bytesRead: sum("bytesRead"),
    opened: sum("opened"),
    macs: sum("macs"),
    signatures: sum("signatures"),
    heads: sum("heads"),
    fromIndex: sum("fromIndex"),
    inIndex: sum("inIndex"),
    expired: sum("expired"),
    problems: sum("problems"),
  };
}

function joinedAcross(a: AcrossReport, b: AcrossReport): AcrossReport {
  const omitted = (a.problemsOmitted ?? 0) + (b.problemsOmitted ?? 0);
  return {
    ok: a.ok && b.ok,
    sinks: [...a.sinks, ...b.sinks],
    batches: a.batches + b.batches,
    problems: [...a.problems, ...b.problems],
    ...(omitted === 0 ? {} : { problemsOmitted: omitted }),
  };
}

const joinedKafka = (a: KafkaReport, b: KafkaReport): KafkaReport => ({
  ok: a.ok && b.ok,
  sink: `${a.sink}, ${b.sink}`,
  compared: a.compared + b.compared,
  lost: a.lost + b.lost,
  duplicated: a.duplicated + b.duplicated,
  different: a.different + b.different,
  heads: a.heads + b.heads,
  unexpected: a.unexpected + b.unexpected,
  explained: {
    aborted: a.explained.aborted + b.explained.aborted,
    control: a.explained.control + b.explained.control,
    compacted: a.explained.compacted + b.explained.compacted,
    deadLettered: a.explained.deadLettered + b.explained.deadLettered,
  },
  goneByRetention: a.goneByRetention + b.goneByRetention,
  goneByCompaction: a.goneByCompaction + b.goneByCompaction,
  partitions: [...a.partitions, ...b.partitions],
});
