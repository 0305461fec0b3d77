import { begin, type Committed } from "../../src/pipeline/state.ts";
import { after, withTask } from "./canonical.ts";
import type { Model } from "./put-moves.ts";
import type { Fill, Group, Marks, Read, Worker } from "./world.ts";

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

const marksText = (marks: Marks): string =>
  marks.map((m, sink) => (m === null ? "" : ` sink${sink}@${m}`)).join("");

/** What a worker and the coordinator may do with each other. `i`: the worker's number. */
export function groupMoves(m: Model, w: Worker, group: Group, i: number): GroupMove[] {
  const moves: GroupMove[] = [];
  const say = (label: string, worker: Worker, g = group, back = false): void => {
    moves.push({ label, worker, group: g, back });
  };
  const accepted = w.lease === "current" || m.broken.acceptStale;
  for (const e of m.table.wanted(w.task)) {
    if (e.do === "read-committed") {
      const { committed, marks } = group;
      if (m.setting.slowReads) {
        if (w.read?.fresh !== true) {
          const read: Read = { committed, marks, fresh: true };
          say(`read ${textOf(committed)}: answered`, { ...w, read });
        }
      } else {
        const found = { committed, behind: marks, archivedTo: chainOf(m, committed) };
        const event = { of: "read-committed", round: e.round, ...found } as const;
        say(`read ${textOf(committed)}`, after(m.table, w, event));
      }
    }
    if (e.do === "commit" && w.flight === null) {
      const sent = withTask(w, m.table.sending(w.task, e.value));
      const marks = m.broken.noMarks ? group.marks.map(() => null) : w.task.behind;
      const label = `commit ${e.why} ${textOf(e.value)}${marksText(marks)}`;
      if (m.setting.commits !== "atomic") {
        say(`${label}: sent`, { ...sent, flight: { value: e.value, marks, accepted: false } });
      } else if (accepted) {
        const worker = after(m.table, sent, { of: "commit", value: e.value });
        const taken = { ...group, committed: e.value, marks };
        say(label, worker, taken, isBack(m, group.committed, e.value));
      } else say(`${label}: fenced`, after(m.table, sent, { of: "fenced" }));
    }
  }
  if (w.read !== null) {
    const { committed, marks, fresh } = w.read;
    const event = {
      of: "read-committed",
      round: w.task.round - (fresh ? 0 : 1),
      committed,
      behind: marks,
      archivedTo: chainOf(m, committed),
    } as const;
    say(`read ${textOf(committed)} comes in`, after(m.table, { ...w, read: null }, event));
  }
  if (w.flight !== null) flightMoves(m, w, group, accepted, say);
  return [...moves, ...leaseMoves(m, w, group, i)];
}

/** Where the chain ends, as the commit says: nothing but records is archived where this is asked for. */
const chainOf = (m: Model, { offset }: Committed): bigint | null =>
  m.setting.chains ? offset : null;

/** A commit that is accepted and not visible can be passed by another; nothing is claimed then. */
const isBack = (m: Model, was: Committed, now: Committed): boolean =>
  m.setting.commits !== "late" &&
  was.offset !== null &&
  (now.offset === null || now.offset < was.offset);

type Say = (label: string, worker: Worker, g?: Group, back?: boolean) => void;

function flightMoves(m: Model, w: Worker, group: Group, accepted: boolean, say: Say): void {
  const { flight } = w;
  if (flight === null) return;
  const { value, marks } = flight;
  // Accepted before, the answer lost, sent again: only the fence makes a difference then.
  if (!accepted) say("commit: fenced", after(m.table, { ...w, flight: null }, { of: "fenced" }));
  else if (!flight.accepted) {
    const sent: Worker = { ...w, flight: { value, marks, accepted: true } };
    const visible = group.pending ?? { committed: group.committed, marks: group.marks };
    const back = isBack(m, visible.committed, value);
    if (m.setting.commits === "late") {
      say(
        "commit: accepted, not visible",
        sent,
        { ...group, ...visible, pending: { committed: value, marks } },
        back,
      );
    } else say("commit: accepted", sent, { ...group, committed: value, marks }, back);
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
  fills: Array<Fill>(sinkCount).fill(null),
});
