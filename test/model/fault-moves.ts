import type { Committed } from "../../src/pipeline/state.ts";
import { after } from "./canonical.ts";
import { joined } from "./group-moves.ts";
import { arrive, type Model } from "./put-moves.ts";
import { headOf } from "./sink-moves.ts";
import type { Fault, Group, Log, Misc, Sink, Worker } from "./world.ts";

/** One state of the world, taken apart. */
export interface World {
  readonly workers: readonly [Worker | null, Worker | null];
  readonly groups: readonly Group[];
  readonly sinks: readonly Sink[];
  readonly log: Log;
  readonly misc: Misc;
}

export interface WorldMove {
  /** `@0` and `@1` stand for the workers. */
  readonly label: string;
  readonly to: World;
}

export const groupOf = (m: Model, worker: number): number => (m.setting.groups === 1 ? 0 : worker);

const PAIR = [0, 1] as const;

const use = (misc: Misc, fault: Fault): Misc => ({
  ...misc,
  left: { ...misc.left, [fault]: misc.left[fault] - 1 },
});

const stale = (w: Worker | null): Worker | null =>
  w === null || w.lease === "stale" ? w : { ...w, lease: "stale" };

/** Every lease of the group is over; `owner` is the next one. */
function regenerate(m: Model, x: World, g: number, owner: 0 | 1 | 2): World {
  const groups = x.groups.map((group, i): Group => (i === g ? { ...group, owner } : group));
  const over = (i: 0 | 1): Worker | null =>
    groupOf(m, i) === g ? stale(x.workers[i]) : x.workers[i];
  return { ...x, groups, workers: [over(0), over(1)] };
}

const withWorker = (x: World, i: 0 | 1, w: Worker | null): World => ({
  ...x,
  workers: i === 0 ? [w, x.workers[1]] : [x.workers[0], w],
});

/** Everything that happens to the world but a worker's own steps. */
export function worldMoves(m: Model, x: World): WorldMove[] {
  const moves: WorldMove[] = [];
  const { left } = x.misc;
  const { setting } = m;
  if (x.log.end < setting.offsets) {
    moves.push({ label: "produce", to: { ...x, log: { ...x.log, end: x.log.end + 1 } } });
  }
  if (left.upgrade > 0) {
    moves.push({
      label: "UPGRADE",
      to: { ...x, misc: { ...use(x.misc, "upgrade"), upgraded: true } },
    });
  }
  if (left.vanish > 0) {
    const to = { ...x, misc: use(x.misc, "vanish"), log: { ...x.log, vanished: true } };
    moves.push({ label: "VANISH: records made again differ", to });
  }
  if (left.retention > 0) {
    const head = x.sinks[0] === undefined ? "empty" : headOf(x.sinks[0], "unbroken");
    const archived = head === "empty" ? 0 : Number(head.head);
    const most = setting.retains === "archived" ? archived : x.log.end;
    for (let start = x.log.start + 1; start <= most; start += 1) {
      const to = { ...x, misc: use(x.misc, "retention"), log: { ...x.log, start } };
      moves.push({ label: `RETENTION: the log begins at ${start}`, to });
    }
  }
  if (x.misc.late !== null) {
    const { late } = x.misc;
    const sinks = arrive(x.sinks, late);
    moves.push({
      label: `late ${late.what} arrives in sink${late.sink} at ${late.start}`,
      to: { ...x, sinks, misc: { ...x.misc, late: null } },
    });
  }
  x.groups.forEach((group, g) => moves.push(...ofGroup(m, x, group, g)));
  for (const i of PAIR) moves.push(...ofWorker(m, x, i));
  if (left.restore > 0) moves.push(...restores(m, x));
  return moves;
}

function ofGroup(m: Model, x: World, group: Group, g: number): WorldMove[] {
  const moves: WorldMove[] = [];
  const { left } = x.misc;
  const set = (to: World, change: Partial<Group>): World => ({
    ...to,
    groups: to.groups.map((one, i): Group => (i === g ? { ...one, ...change } : one)),
  });
  if (group.pending !== null) {
    moves.push({
      label: "commit becomes visible",
      to: set(x, { ...group.pending, pending: null }),
    });
  }
  const candidates = m.setting.groups === 1 ? PAIR : [g === 0 ? (0 as const) : (1 as const)];
  for (const i of candidates) {
    if (group.owner === 2) moves.push({ label: `start at @${i}`, to: regenerate(m, x, g, i) });
    else if (left.rebalance > 0) {
      const to = regenerate(m, { ...x, misc: use(x.misc, "rebalance") }, g, i);
      moves.push({ label: `rebalance to @${i}`, to });
    }
  }
  if (group.pending !== null) return moves;
  // An administrator needs the group to be empty.
  const admin = (fault: Fault, label: string, committed: Committed): void => {
    const empty = regenerate(m, { ...x, misc: use(x.misc, fault) }, g, 2);
    // With the metadata goes what it says of the sinks that the group went on without.
    const to = set(empty, { committed, marks: group.marks.map(() => null) });
    moves.push({ label, to: excuse(to, (sink) => group.marks[sink] !== null) });
  };
  const { offset, plans } = group.committed;
  if (left.wipe > 0 && plans.length > 0) admin("wipe", "WIPE the plans", { offset, plans: [] });
  if (offset === null) return moves;
  const c = Number(offset);
  if (left.foreign > 0) {
    for (let end = c + 1; end <= x.log.end; end += 1) {
      const plan = { start: offset, end: BigInt(end), mark: "f" };
      admin("foreign", `FOREIGN plan [${c},${end})`, { offset, plans: [plan] });
    }
  }
  if (left.rewind > 0) {
    for (let to = 0; to < c; to += 1)
      admin("rewind", `REWIND to ${to}`, { offset: BigInt(to), plans: [] });
  }
  if (left.forward > 0 && x.sinks.some((s) => s.manifests.some((v) => v !== ""))) {
    for (let to = c + 1; to <= x.log.end; to += 1) {
      admin("forward", `FORWARD to ${to}`, { offset: BigInt(to), plans: [] });
      const last = moves.at(-1);
      if (last !== undefined)
        moves[moves.length - 1] = { ...last, to: excuse(last.to, () => true) };
    }
  }
  if (left.lose > 0) admin("lose", "LOSE the committed offset", { offset: null, plans: [] });
  return moves;
}

const excuse = (x: World, which: (sink: number) => boolean): World => ({
  ...x,
  misc: { ...x.misc, excused: x.misc.excused.map((e, i) => e || which(i)) },
});

function ofWorker(m: Model, x: World, i: 0 | 1): WorldMove[] {
  const moves: WorldMove[] = [];
  const w = x.workers[i];
  const g = groupOf(m, i);
  const group = x.groups[g];
  const { left } = x.misc;
  if (group?.owner === i && w?.lease !== "current") {
    // A task of an older lease is revoked before a new one begins.
    if (w !== null) assertEnded(m, w);
    const sinkCount = m.setting.knows?.[i]?.length ?? m.setting.sinks;
    const begun = joined(m, x.misc.upgraded, sinkCount);
    moves.push({ label: `@${i} joins`, to: withWorker(x, i, begun) });
  }
  if (w !== null) moves.push(...detaches(m, x, i, w));
  if (w === null || w.lease === "stale") return moves;
  if (left.crash > 0) {
    const to = withWorker(regenerate(m, { ...x, misc: use(x.misc, "crash") }, g, 2), i, null);
    moves.push({ label: `@${i} CRASHES`, to });
  }
  const { draining, slots, phase } = w.task;
  if (left.drain > 0 && !draining && phase !== "stopped" && phase !== "ended") {
    const to = withWorker(
      { ...x, misc: use(x.misc, "drain") },
      i,
      after(m.table, w, { of: "drain" }),
    );
    moves.push({ label: `@${i} is told to drain`, to });
  }
  if (draining && slots.length === 0) {
    moves.push({
      label: `@${i} has drained and leaves`,
      to: withWorker(regenerate(m, x, g, 2), i, null),
    });
  }
  return moves;
}

/** The daemon decides that the others go on without a sink (rule 12), whatever the task does. */
function detaches(m: Model, x: World, i: 0 | 1, w: Worker): WorldMove[] {
  const { phase, behind } = w.task;
  if (x.misc.left.detach === 0 || phase === "stopped" || phase === "ended") return [];
  return behind.flatMap((from, sink) => {
    const detached = after(m.table, w, { of: "detach", sink });
    if (from !== null || detached.task.behind[sink] === null) return [];
    const to = withWorker({ ...x, misc: use(x.misc, "detach") }, i, detached);
    return [{ label: `@${i} DETACHES sink${sink}`, to }];
  });
}

function assertEnded(m: Model, w: Worker): void {
  const { task } = after(m.table, w, { of: "revoked" });
  if (task.phase !== "ended" || m.table.wanted(task).length > 0) {
    throw new Error("a revoked task wants nothing");
  }
}

/** A sink goes back to what it was before some batch. */
function restores(m: Model, x: World): WorldMove[] {
  if (x.misc.late !== null) return [];
  const { idleRestore, restored } = m.setting;
  if (idleRestore && !idle(x)) return [];
  const moves: WorldMove[] = [];
  const owners = x.groups.map((group): Group => ({ ...group, owner: 2 }));
  x.sinks.forEach((sink, i) => {
    // The primary is never restored under a daemon that writes: it decides.
    if ((idleRestore || restored === "others") && i === 0) return;
    sink.data.forEach((_, before) => {
      if (sink.data[before] === "" && sink.manifests[before] === "") return;
      const cut = (list: readonly string[]): readonly string[] =>
        list.map((v, a) => (a < before ? v : ""));
      const sinks = x.sinks.map((s, j): Sink =>
        j === i ? { data: cut(s.data), manifests: cut(s.manifests) } : s,
      );
      const back = excuse({ ...x, sinks, misc: use(x.misc, "restore") }, (j) => j === i);
      const to: World = idleRestore ? back : { ...back, workers: [null, null], groups: owners };
      const when = idleRestore ? "while idle" : "while all are stopped";
      moves.push({ label: `RESTORE sink${i} to before ${before}, ${when}`, to });
    });
  });
  return moves;
}

const idle = (x: World): boolean =>
  x.groups.every((g) => g.pending === null) &&
  x.workers.some((w) => w !== null) &&
  x.workers.every(
    (w) =>
      w === null ||
      (w.lease === "current" &&
        w.task.phase === "running" &&
        !w.task.slots.some((s) => s.ready || s.planned)),
  );

/** When every sink has the same again, up to the committed offset, no excuse is needed any more. */
export function withoutExcuses(
  m: Model,
  x: World,
  complete: (sink: Sink, to: number) => boolean,
): World {
  // A sink that only one worker knows stays behind whenever the other one runs.
  if (m.setting.knows !== null || !x.misc.excused.includes(true)) return x;
  const to = Math.max(...x.groups.map((g) => Number(g.committed.offset ?? 0n)));
  const text = (s: Sink | undefined): string => `${s?.data.join()} ${s?.manifests.join()}`;
  const settled = x.sinks.every((s) => text(s) === text(x.sinks[0]) && complete(s, to));
  if (!settled) return x;
  return { ...x, misc: { ...x.misc, excused: x.misc.excused.map(() => false) } };
}
