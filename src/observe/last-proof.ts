import type { GroupReport } from "./group-report.ts";
import type { LiveTotals } from "./live-report.ts";

/** Everything was looked at since the time that is answered; problems are those of all topics. */
export function lastProof(groups: readonly GroupReport[]): LiveTotals["lastProof"] {
  const notes = groups.flatMap((g) => [...g.proofs.values()]);
  const [oldest] = notes.toSorted((a, b) => a.atMs - b.atMs);
  if (oldest === undefined) return null;
  const topics = groups.flatMap((g) => [...new Set(g.partitions.map((p) => p.topic))]);
  const problems = notes.reduce((sum, n) => sum + n.problems, 0);
  return { ...oldest, problems, unproven: Math.max(0, topics.length - notes.length) };
}
