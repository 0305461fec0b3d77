import { sizeText } from "../../config/units.ts";
import type { PrunedPartition, PruneReport } from "./prune-report.ts";

/** What a person reads: a line a sink and one for each partition of which something goes. */
export function pruneSummary({ dryRun, pipelines }: PruneReport): readonly string[] {
  const lines: string[] = [];
  for (const { name, before, sinks } of pipelines) {
    lines.push(`pipeline ${name}: records before ${before} are old enough`);
    for (const sink of sinks) {
      if (!sink.able) {
        lines.push(`  ${sink.name}: keeps no files that could go; its own means apply`);
        continue;
      }
      const sum = (of: (p: PrunedPartition) => number): number =>
        sink.partitions.reduce((n, p) => n + of(p), 0);
      const what = dryRun
        ? `${sum((p) => p.batches)} batches would go`
        : `${sum((p) => p.expired)} batches removed`;
      const size = sizeText(sum((p) => p.bytes));
      const rest = [
        ...(sum((p) => p.locked) > 0 ? [`${sum((p) => p.locked)} locked`] : []),
        ...(sum((p) => p.damaged) > 0 ? [`${sum((p) => p.damaged)} damaged and left`] : []),
      ];
      const share = `${size}, ${sink.percent.toFixed(1)}% of ${sink.keptBatches} batches`;
      lines.push(`  ${sink.name}: ${[what, share, ...rest].join(", ")}`);
      for (const p of sink.partitions) {
        if (p.batches === 0) continue;
        lines.push(`    ${p.topic}/${p.partition}  [${p.from}, ${p.to})  ${p.batches} batches`);
      }
    }
  }
  if (dryRun) lines.push("Nothing was removed (--dry-run).");
  return lines;
}
