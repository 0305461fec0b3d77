import { sizeText } from "../../config/units.ts";
import type { ReconcileReport, RepairProblem, ReplayReport, RewrapReport } from "./report.ts";

interface InScope {
  readonly topic: string;
  readonly partition: number;
  readonly branch: number;
  readonly problems: readonly RepairProblem[];
}

const nameOf = (p: InScope): string =>
  `${p.topic}/${p.partition}${p.branch > 0 ? ` branch ${p.branch}` : ""}`;

function problemLines(partitions: readonly InScope[]): string[] {
  return partitions.flatMap((p) =>
    p.problems.map(({ code, sink, start, end, text }) => {
      const range = start === undefined ? "" : ` [${start}, ${end ?? "…"})`;
      return `${code}: ${nameOf(p)}${range}${sink === undefined ? "" : ` in ${sink}`}: ${text}`;
    }),
  );
}

/** What `reconcile` says to people when it is done. */
export function reconcileSummary(r: ReconcileReport): string[] {
  const verb = r.dryRun ? "would be copied" : "copied";
  const set = r.dryRun ? "would be replaced" : "replaced";
  const lines = r.partitions.map(
    (p) =>
      `${nameOf(p)}: ${p.compared} batches, ${p.same} the same, ${p.copied} ${verb}, ${p.replaced} ${set}` +
      (p.expired > 0 ? `, ${p.expired} expired and not put back` : ""),
  );
  lines.push(...problemLines(r.partitions));
  const bytes = r.partitions.reduce((sum, p) => sum + p.bytes, 0);
  lines.push(
    "",
    `${r.source} → ${r.target}: ${sizeText(bytes)} ${verb} in ${r.seconds.toFixed(1)} s`,
  );
  if (r.proof !== null) {
    const { ok, batches, problems } = r.proof;
    lines.push(
      ok
        ? `proof: both sinks hold the same ${batches} batches`
        : `proof FAILED: ${problems.length} problems`,
      ...problems,
    );
  }
  return lines;
}

export const expiredText = (batches: number, to: bigint): string =>
  `${batches} expired batches, the last ends at ${to}: they are older than the pipeline's \`retention\`, so ` +
  "their data may be gone, and they are neither compared nor put back; a longer `retention` brings them in";

/** What `replay` says to people when it is done. */
export function replaySummary(r: ReplayReport): string[] {
  const verb = r.dryRun ? "would be made" : "made";
  const set = r.dryRun ? "would be replaced" : "replaced";
  const lines = r.partitions.map((p) => {
    const anew = p.cut > 0 ? ` (${p.cut} cut anew)` : "";
    const counts = `${p.confirmed} confirmed, ${p.made} ${verb}${anew}, ${p.replaced} ${set}`;
    return `${nameOf(p)} [${p.from}, ${p.to}): ${counts}, ${p.records} records`;
  });
  for (const p of r.partitions) {
    if (p.expiredTo !== null) lines.push(`${nameOf(p)}: ${expiredText(p.expired, p.expiredTo)}`);
  }
  lines.push(...problemLines(r.partitions));
  const where = r.into === null ? r.sinks.join(", ") : `${r.sinks.join(", ")} below ${r.into}`;
  lines.push("", `${where}: ${r.ok ? "all is there and equal" : "NOT all is well"}`);
  return lines;
}

/** What `rewrap` says to people when it is done. */
export function rewrapSummary(r: RewrapReport): string[] {
  const verb = r.dryRun ? "would be rewrapped" : "rewrapped";
  const lines = r.partitions.map((p) => {
    const clear = p.clear > 0 ? `, ${p.clear} not encrypted` : "";
    return `${nameOf(p)}: ${p.batches} batches, ${p.rewrapped} ${verb}, ${p.there} there already${clear}`;
  });
  lines.push(...problemLines(r.partitions));
  lines.push(
    "",
    `${r.sinks.join(", ")}: ${r.ok ? "done" : "NOT all is done"} in ${r.seconds.toFixed(1)} s`,
  );
  return lines;
}
