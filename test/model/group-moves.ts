import { begin, type Committed } from "../../src/pipeline/state.ts";
import { after, withTask } from "./canonical.ts";
import type { Model } from "./put-moves.ts";
import type { Group, Worker } from "./world.ts";

/** One step between a worker and its group's coordinator. */
export interface GroupMove {
  readonly label: string;
  readonly worker: Worker | null;
  readonly group: Group;
  /** The commit moved the offset back. */
  readonly back: boolean;
}

const textOf = (c: Committed): string =>
  `${c.offset ?? "none"}${c.plans.map((p) => ` [${p.start},${p.end})${p.mark}`).join("")}`;

/** What a worker and the coordinator may do with each other. `i`: the worker's number. */
export function groupMoves(m: Model, w: Worker, group: Group, i: number): GroupMove[] {
  const moves: GroupMove[] = [];
  const say = (label: string, worker: Worker, g = group, back = false): void => {
    moves.push({ label, worker, group: g, back });
  };
  const accepted = w.lease === "current" || m.broken.acceptStale;
  for (const e of m.table.wanted(w.task)) {
    if (e.do === "read-committed") {
      const { committed } = group;
      if (m.setting.slowReads) {
        if (w.read?.fresh !== true) {
          say(`read ${textOf(committed)}: answered`, { ...w, read: { committed, fresh: true } });
        }
      } else {
        const event = { of: "read-committed", round: e.round, committed } as const;
        say(`read ${textOf(committed)}`, after(m.table, w, event));
      }
    }
    if (e.do === "commit" && w.flight === null) {
      const sent = withTask(w, m.table.sending(w.task, e.value));
      const label = `commit ${e.why} ${textOf(e.value)}`;
      if (m.setting.commits !== "atomic") {
        say(`${label}: sent`, { ...sent, flight: { value: e.value, accepted: false } });
      } else if (accepted) {
        const worker = after(m.table, sent, { of: "commit", value: e.value });
        say(label, worker, { ...group, committed: e.value }, isBack(m, group.committed, e.value));
      } else say(`${label}: fenced`, after(m.table, sent, { of: "fenced" }));
    }
  }
  if (w.read !== null) {
    const { committed, fresh } = w.read;
    const event = {
      of: "read-committed",
      round: w.task.round - (fresh ? 0 : 1),
      committed,
    } as const;
    say(`read ${textOf(committed)} comes in`, after(m.table, { ...w, read: null }, event));
  }
  if (w.flight !== null) flightMoves(m, w, group, accepted, say);
  return [...moves, ...leaseMoves(m, w, group, i)];
}

/** A commit that is accepted and not visible can be passed by another; nothing is claimed then. */
const isBack = (m: Model, was: Committed, now: Committed): boolean =>
  m.setting.commits !== "late" &&
  was.offset !== null &&
  (now.offset === null || now.offset < was.offset);

type Say = (label: string, worker: Worker, g?: Group, back?: boolean) => void;

function flightMoves(m: Model, w: Worker, group: Group, accepted: boolean, say: Say): void {
  const { flight } = w;
  if (flight === null) return;
  const { value } = flight;
  // Accepted before, the answer lost, sent again: only the fence makes a difference then.
  if (!accepted) say("commit: fenced", after(m.table, { ...w, flight: null }, { of: "fenced" }));
  else if (!flight.accepted) {
    const sent: Worker = { ...w, flight: { value, accepted: true } };
    const visible = group.pending ?? group.committed;
    const back = isBack(m, visible, value);
    if (m.setting.commits === "late") {
      say(
        "commit: accepted, not visible",
        sent,
        { ...group, committed: visible, pending: value },
        back,
      );
    } else say("commit: accepted", sent, { ...group, committed: value }, back);
  }
  if (flight.accepted && group.pending === null) {
    // Begun again meanwhile: the task no longer waits for this answer, the offset is read anyway.
    const waits = w.task.sent !== null;
    if (!waits) say("commit: answered to nobody", { ...w, flight: null });
    else say("commit: answered", after(m.table, { ...w, flight: null }, { of: "commit", value }));
  }
}

/** The group's word on a lease: the same member again, or a new task. */
function leaseMoves(m: Model, w: Worker, group: Group, i: number): GroupMove[] {
  if (w.lease === "current" || group.owner !== i) return [];
  const kept = after(m.table, { ...w, flight: null }, { of: "renew" });
  const moves: GroupMove[] = [
    {
      label: "is told it kept the partition",
      worker: { ...kept, lease: "current" },
      group,
      back: false,
    },
  ];
  return moves;
}

export const joined = (m: Model, upgraded: boolean, sinkCount: number): Worker => ({
  task: begin(sinkCount, m.setting.depth),
  lease: "current",
  upgraded,
  held: [],
  flight: null,
  read: null,
});
