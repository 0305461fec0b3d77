import { sizeText } from "../../config/units.ts";
import type { RestoredPartition, RestoreReport } from "./restore-report.ts";

/** What `restore` says to people when it is done. */
export function summary(r: RestoreReport): string[] {
  const lines = r.partitions.map((p) => line(r, p));
  const left = r.partitions.flatMap((p) =>
    p.leftOut.map((l) => ({ ...l, partition: p.partition })),
  );
  for (const { partition, from, to, reason } of left) {
    lines.push(`left out: ${r.topic}/${partition} offsets [${from}, ${to}): ${reason}`);
  }
  const rate = r.seconds > 0 ? `, ${Math.round(r.records / r.seconds)} records/s` : "";
  const verb = r.dryRun ? "would be written" : "written";
  const made = { no: "", yes: " (made)", "would-be": " (would be made)" }[r.to.created];
  lines.push(
    "",
    `${r.records} records (${sizeText(r.bytes)}) of ${r.batches} batches ${verb} to ${r.to.topic}${made}` +
      ` in ${r.seconds.toFixed(1)} s${rate}`,
  );
  return lines;
}

function line(r: RestoreReport, p: RestoredPartition): string {
  const branch = p.branch > 0 ? ` branch ${p.branch}` : "";
  const from = `${r.topic}/${p.partition}${branch} [${p.from}, ${p.to})`;
  const already = p.already > 0n ? `, ${p.already} offsets were there already` : "";
  return `${from} → ${r.to.topic}/${p.toPartition}: ${p.records} records${already}`;
}
