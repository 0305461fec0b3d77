import type { Budget } from "../core/budget.ts";
import type { Clock } from "../core/ports.ts";
import type { StatusReport } from "../observe/status-report.ts";
import { isAttached, type Task } from "../pipeline/state.ts";
import type { Archiver } from "./archiver.ts";
import type { OpenedSink } from "./open-sinks.ts";
import type { PausedPartition } from "./operator-desk.ts";
import type { Partition } from "./partitions.ts";

export interface StatusSources {
  readonly tool: string;
  readonly version: string;
  readonly clusterId: string;
  readonly archivers: readonly {
    readonly group: string;
    readonly archiver: Archiver;
    readonly sinks: readonly OpenedSink[];
  }[];
  readonly sinks: readonly OpenedSink[];
  readonly instanceId: string | null;
  readonly budget: Budget;
  readonly clock: Clock;
}

/** What the daemon says of itself, made afresh at each question. */
export function statusOf(s: StatusSources): StatusReport {
  const first = s.archivers[0];
  const member = first?.archiver.member.state();
  return {
    tool: s.tool,
    version: s.version,
    source: "daemon",
    group: first?.group ?? "",
    clusterId: s.clusterId,
    partitions: s.archivers.flatMap(({ group, archiver, sinks }) => [
      ...[...archiver.partitions].map((p) => ({
        ...partitionOf(group, p, archiver.trouble(p.scope), s.clock),
        waitsFor: waitsFor(p.task.state, sinks),
        lacks: sinks.flatMap(({ name }, i) => (isAttached(p.task.state, i) ? [] : [name])),
        conflictIn: p.task.state.stop?.sink ?? null,
      })),
      ...archiver.desk.paused.map((p) => pausedOf(group, p)),
    ]),
    sinks: s.sinks.map((sink) => {
      const primary = s.archivers.some(({ sinks }) => sinks[0]?.name === sink.name);
      return sinkOf(sink, primary, behindOf(s, sink.name));
    }),
    memory: { limit: s.budget.limitBytes, used: s.budget.usedBytes },
    member:
      member === undefined || member.memberId === ""
        ? null
        : {
            id: member.memberId,
            generation: member.generation,
            instanceId: s.instanceId,
            state: member.status,
            lastError: member.lastError,
          },
  };
}

function partitionOf(
  group: string,
  p: Partition,
  trouble: string | null,
  clock: Clock,
): StatusReport["partitions"][number] {
  const t = p.task.state;
  const committed = t.committed?.offset ?? null;
  const end = p.endOffset;
  const lag = committed === null || end === null ? null : end > committed ? end - committed : 0n;
  return {
    group,
    topic: p.scope.topic,
    topicId: p.scope.topicId,
    partition: p.scope.partition,
    branch: p.scope.branch,
    state: t.phase,
    committed,
    end,
    lag,
    pendingPlans: (t.committed?.plans ?? []).map(({ start, end: to }) => ({ start, end: to })),
    lastBatch: p.task.batches.last,
    waiting: waiting(t, lag, trouble, p.unstable),
    oldestUnconfirmedMs: oldest(p.task.batches.waitingMs(), p.feed.waitingMs(clock.now())),
    inFlight: p.task.inFlight(),
  };
}

const pausedOf = (
  group: string,
  { scope, by, committed }: PausedPartition,
): StatusReport["partitions"][number] => ({
  group,
  ...scope,
  state: "paused",
  committed,
  end: null,
  lag: null,
  pendingPlans: [],
  lastBatch: null,
  waiting: `paused by ${by}`,
  oldestUnconfirmedMs: null,
  inFlight: 0,
});

/** In a batch under way, or not in one yet. */
const oldest = (inBatch: number | null, before: number | null): number | null =>
  inBatch === null || before === null ? (inBatch ?? before) : Math.max(inBatch, before);

/** Names of the attached sinks that have not all of the oldest batch, or were not read yet. */
function waitsFor(t: Task, sinks: readonly OpenedSink[]): string[] {
  const attached = sinks.map(({ name }, i) => ({ name, i })).filter(({ i }) => isAttached(t, i));
  const names = (lacks: (sink: number) => boolean): string[] =>
    attached.filter(({ i }) => lacks(i)).map(({ name }) => name);
  if (t.phase === "locating") return names((i) => t.heads[i] === null);
  const first = t.slots.find((slot) => slot.ready);
  return first === undefined ? [] : names((i) => first.steps[i] !== "whole");
}

function waiting(
  t: Task,
  lag: bigint | null,
  trouble: string | null,
  unstable: bigint,
): string | null {
  if (t.stop !== null) return `stopped: ${t.stop.text}`;
  if (trouble !== null) return `Kafka: ${trouble}`;
  if (t.phase === "locating") return "reads the committed offset and the head of every sink";
  if (t.renewing !== "no") return "the group rebalances";
  if (t.draining) return "drains";
  if (t.slots.some((s) => s.ready)) return "delivers to the sinks";
  const idle = [
    ...(lag === 0n ? [] : ["waits for records, age or its turn"]),
    // Without a word a transaction that hangs looks like a topic to which nothing comes.
    ...(unstable > 0n ? [`an open transaction holds ${unstable} offsets back`] : []),
  ];
  return idle.length === 0 ? null : idle.join("; ");
}

/** Offsets that the task has settled, or has under way, and the sink has not confirmed. */
function behindOf(s: StatusSources, name: string): bigint {
  let behind = 0n;
  for (const { archiver, sinks } of s.archivers) {
    const sink = sinks.findIndex((o) => o.name === name);
    if (sink < 0) continue;
    for (const { task } of archiver.partitions) {
      const t = task.state;
      const from = t.behind[sink] ?? t.position;
      if (t.position > from) behind += t.position - from;
      for (const slot of t.slots) {
        const lacks = slot.ready && slot.end !== null && slot.steps[sink] !== "whole";
        if (lacks) behind += slot.end - slot.start;
      }
    }
  }
  return behind;
}

function sinkOf(o: OpenedSink, primary: boolean, behind: bigint): StatusReport["sinks"][number] {
  const view = o.health.view();
  return {
    name: o.name,
    kind: o.kind,
    primary,
    where: o.where,
    state: view.state,
    since: new Date(view.sinceMs).toISOString(),
    lastError: view.lastError?.text ?? null,
    next: view.nextMs === undefined ? null : new Date(view.nextMs).toISOString(),
    behind,
  };
}
