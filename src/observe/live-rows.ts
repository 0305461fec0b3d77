import type { GroupPartitionReport, GroupReport } from "./group-report.ts";
import type { LiveMember, LivePartition } from "./live-report.ts";
import type { PartitionStatus } from "./status-report.ts";

const MOVING = new Set(["locating", "walking"]);

export interface RowRules {
  readonly nowMs: number;
  /** Older than this counts as behind. */
  readonly limitMs: number;
  /** This process among the members. */
  readonly self: string;
  /** A sink that is away: a partition whose batch it lacks waits for it. */
  readonly isAway: (sink: string) => boolean;
}

export const keyOf = (p: {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}): string => `${p.group}/${p.topic}/${p.partition}`;

const text = (v: bigint | null): string | null => (v === null ? null : String(v));

/** Every partition of the groups: own ones as the daemon knows them, the others as Kafka does. */
export function rowsOf(
  own: readonly PartitionStatus[],
  groups: readonly GroupReport[],
  rules: RowRules,
): LivePartition[] {
  const rows = new Map(own.map((p) => [keyOf(p), ownRow(p, rules)]));
  for (const { group, partitions } of groups) {
    for (const p of partitions) {
      const key = keyOf({ group, topic: p.topic, partition: p.partition });
      // What this process had a moment ago and gave up is not its own any more.
      if (!rows.has(key)) rows.set(key, otherRow(group, p, rules));
    }
  }
  return [...rows.values()].sort(byName);
}

const byName = (a: LivePartition, b: LivePartition): number => {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition || (a.group < b.group ? -1 : 1);
};

function ownRow(p: PartitionStatus, { nowMs, limitMs, self, isAway }: RowRules): LivePartition {
  const waitsFor = p.waitsFor ?? [];
  const ageMs = p.oldestUnconfirmedMs;
  const [plan] = p.pendingPlans;
  const last = p.pendingPlans.at(-1);
  return {
    ...{ group: p.group, topic: p.topic, partition: p.partition, owner: self, self: true },
    state: ownState(),
    words: p.waiting,
    ...{ committed: text(p.committed), end: text(p.end), lag: text(p.lag) },
    // In whole seconds, so that an age that only grows is no change.
    oldestAtMs: ageMs === null ? null : Math.round((nowMs - ageMs) / 1000) * 1000,
    plan:
      plan === undefined || last === undefined
        ? null
        : { start: String(plan.start), end: String(last.end) },
    waitsFor,
    lacks: p.lacks ?? [],
  };

  function ownState(): LivePartition["state"] {
    if (p.state === "stopped" || p.state === "paused") return p.state;
    if (MOVING.has(p.state)) return waitsFor.some(isAway) ? "waiting" : "moving";
    if (waitsFor.some(isAway)) return "waiting";
    if (ageMs !== null && ageMs > limitMs) return "behind";
    if (p.lastBatch === null && (p.committed ?? 0n) === 0n) return p.end === 0n ? "idle" : "fresh";
    return p.lag === 0n ? "idle" : "safe";
  }
}

function otherRow(group: string, p: GroupPartitionReport, rules: RowRules): LivePartition {
  const { nowMs, limitMs } = rules;
  const lag =
    p.committed === null || p.end === null ? null : p.end > p.committed ? p.end - p.committed : 0n;
  const oldestAtMs = lag === 0n ? null : p.firstTimestampMs;
  const [plan] = p.plans;
  const last = p.plans.at(-1);
  const state = (): LivePartition["state"] => {
    if (p.owner === null) return "unowned";
    if (lag === 0n) return "idle";
    if (p.committed === null) return "fresh";
    return oldestAtMs !== null && nowMs - oldestAtMs > limitMs ? "behind" : "safe";
  };
  return {
    ...{ group, topic: p.topic, partition: p.partition, owner: p.owner, self: false },
    state: state(),
    words: p.owner === null ? "no member of the group has it now" : null,
    ...{ committed: text(p.committed), end: text(p.end), lag: text(lag), oldestAtMs },
    plan:
      plan === undefined || last === undefined
        ? null
        : { start: String(plan.start), end: String(last.end) },
    waitsFor: [],
    lacks: [...p.lacks],
  };
}

interface Looked {
  readonly atMs: number;
  readonly committed: ReadonlyMap<string, bigint>;
}

/** Sums by member. The rate is from what was committed between two looks at the group. */
export class MemberRates {
  #before: Looked | null = null;
  #now: Looked | null = null;

  looked(groups: readonly GroupReport[], atMs: number): void {
    const committed = new Map<string, bigint>();
    for (const { group, partitions } of groups) {
      for (const p of partitions) {
        if (p.committed !== null) committed.set(keyOf({ group, ...p }), p.committed);
      }
    }
    this.#before = this.#now;
    this.#now = { atMs, committed };
  }

  view(groups: readonly GroupReport[], rows: readonly LivePartition[]): LiveMember[] {
    const members = new Map(groups.flatMap((g) => g.members.map((m) => [m.name, m] as const)));
    return [...members.values()].map(({ name, host, self }) => {
      const mine = rows.filter((r) => r.owner === name);
      const ages = mine.flatMap((r) => (r.oldestAtMs === null ? [] : [r.oldestAtMs]));
      const lags = mine.flatMap((r) => (r.lag === null ? [] : [BigInt(r.lag)]));
      return {
        ...{ name, host, self },
        partitions: mine.length,
        lag: lags.length === 0 ? null : String(lags.reduce((a, b) => a + b, 0n)),
        offsetsPerS: this.#rate(mine),
        oldestAtMs: ages.length === 0 ? null : Math.min(...ages),
      };
    });
  }

  #rate(rows: readonly LivePartition[]): number | null {
    const [before, now] = [this.#before, this.#now];
    if (before === null || now === null || now.atMs <= before.atMs) return null;
    let offsets = 0n;
    for (const row of rows) {
      const key = keyOf(row);
      const [a, b] = [before.committed.get(key), now.committed.get(key)];
      if (a !== undefined && b !== undefined && b > a) offsets += b - a;
    }
    return Math.round(Number(offsets) / ((now.atMs - before.atMs) / 1000));
  }
}
