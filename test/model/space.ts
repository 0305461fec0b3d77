import { groupsKey, miscKey, sinksKey, workerKey } from "./canonical.ts";
import { type World, withoutExcuses, worldMoves } from "./fault-moves.ts";
import { groupMoves } from "./group-moves.ts";
import { Interned } from "./intern.ts";
import { complete, type Invariant } from "./invariants.ts";
import type { Model } from "./put-moves.ts";
import { sinkMoves } from "./sink-moves.ts";
import {
  endOf,
  markOf,
  type Fault,
  type Group,
  type LateRequest,
  type Log,
  type Misc,
  type Sink,
  type Worker,
} from "./world.ts";

/** A state as numbers of its parts: two workers, groups, sinks, log, the rest. */
export type Row = readonly [number, number, number, number, number, number];
export const ROW_WIDTH = 6;

export interface Successor {
  readonly label: string;
  readonly row: Row;
  /** The workers changed places, so that of two mirrored states only one is kept. */
  readonly flipped: boolean;
  /** A rule about the step itself was broken. */
  readonly broken: { readonly invariant: Invariant; readonly text: string } | null;
}

interface PartMove {
  readonly label: string;
  readonly worker: number;
  /** Sinks or groups, whichever the move touches. */
  readonly part: number;
  readonly created: { readonly start: number; readonly value: string } | null;
  readonly late: LateRequest | null;
  readonly back: boolean;
}

const FAULTS: readonly Fault[] = [
  "rebalance",
  "crash",
  "wipe",
  "foreign",
  "rewind",
  "forward",
  "lose",
  "restore",
  "upgrade",
  "vanish",
  "retention",
  "drain",
  "late-request",
  "detach",
];

/** The states of one variant and the steps between them; parts of steps are computed once. */
export class Space {
  readonly workers = new Interned<Worker | null>(workerKey);
  readonly groups = new Interned<readonly Group[]>(groupsKey);
  readonly sinks = new Interned<readonly Sink[]>(sinksKey);
  readonly logs = new Interned<Log>((l) => `${l.start} ${l.end} ${l.vanished}`);
  readonly miscs = new Interned<Misc>(miscKey);
  readonly symmetric: boolean;
  readonly #m: Model;
  readonly #sinkMoves = new Map<string, readonly PartMove[]>();
  readonly #groupMoves = new Map<string, readonly PartMove[]>();
  readonly #flips = new Map<number, number>();

  constructor(model: Model) {
    this.#m = model;
    this.symmetric = model.setting.knows === null;
  }

  initial(): Row {
    const { setting } = this.#m;
    const none = Array<string>(setting.offsets).fill("");
    const sinks = Array.from({ length: setting.sinks }, (): Sink => ({
      data: none,
      manifests: none,
    }));
    const offset = setting.committed === null ? null : BigInt(setting.committed);
    const groups = Array.from({ length: setting.groups }, (_, i): Group => ({
      owner: i === 1 ? 1 : 0,
      committed: { offset, plans: [] },
      marks: sinks.map(() => null),
      pending: null,
    }));
    const left = Object.fromEntries(FAULTS.map((f) => [f, setting.faults[f] ?? 0])) as Record<
      Fault,
      number
    >;
    const unknown = (i: number): boolean =>
      setting.knows !== null && !setting.knows.every((k) => k.includes(i));
    const misc: Misc = {
      left,
      upgraded: false,
      excused: sinks.map((_, i) => unknown(i)),
      late: null,
    };
    const log: Log = { start: 0, end: setting.produced, vanished: false };
    return this.pack({ workers: [null, null], groups, sinks, log, misc }).row;
  }

  world(row: Row): World {
    return {
      workers: [this.workers.at(row[0]), this.workers.at(row[1])],
      groups: this.groups.at(row[2]),
      sinks: this.sinks.at(row[3]),
      log: this.logs.at(row[4]),
      misc: this.miscs.at(row[5]),
    };
  }

  pack(x: World): { row: Row; flipped: boolean } {
    const clean = withoutExcuses(this.#m, x, (sink, to) => complete(this.#m.setting, sink, to));
    return this.#mirrored([
      this.workers.id(clean.workers[0]),
      this.workers.id(clean.workers[1]),
      this.groups.id(clean.groups),
      this.sinks.id(clean.sinks),
      this.logs.id(clean.log),
      this.miscs.id(clean.misc),
    ]);
  }

  *successors(row: Row): Generator<Successor> {
    const misc = this.miscs.at(row[5]);
    const late = misc.left["late-request"] > 0 && misc.late === null;
    for (const i of [0, 1] as const) {
      if (this.workers.at(row[i]) === null) continue;
      for (const move of this.#ofSinks(row, i)) {
        if (move.late !== null && !late) continue;
        const next: Row =
          i === 0
            ? [move.worker, row[1], row[2], move.part, row[4], row[5]]
            : [row[0], move.worker, row[2], move.part, row[4], row[5]];
        yield this.#step(`@${i} ${move.label}`, next, misc, move, this.#unplanned(row, i, move));
      }
      for (const move of this.#ofGroup(row, i)) {
        const next: Row =
          i === 0
            ? [move.worker, row[1], move.part, row[3], row[4], row[5]]
            : [row[0], move.worker, move.part, row[3], row[4], row[5]];
        const broken = move.back ? ({ invariant: "Monotone", text: move.label } as const) : null;
        yield this.#step(`@${i} ${move.label}`, next, misc, move, broken);
      }
    }
    for (const { label, to } of worldMoves(this.#m, this.world(row))) {
      yield { label, ...this.pack(to), broken: null };
    }
  }

  #step(
    label: string,
    next: Row,
    misc: Misc,
    move: PartMove,
    broken: Successor["broken"],
  ): Successor {
    if (move.late === null && !misc.excused.includes(true))
      return { label, ...this.#mirrored(next), broken };
    const left = { ...misc.left };
    if (move.late !== null) left["late-request"] -= 1;
    const world = this.world(next);
    const to = { ...world, misc: { ...misc, left, late: move.late ?? misc.late } };
    return { label, ...this.pack(to), broken };
  }

  /** Rule 1: the current owner creates nothing in the primary that no plan names. */
  #unplanned(row: Row, i: 0 | 1, move: PartMove): Successor["broken"] {
    const worker = this.workers.at(row[i]);
    // A plan that becomes visible late may be another owner's; only the primary's word holds then.
    if (move.created === null || this.#m.setting.commits === "late") return null;
    if (worker?.lease !== "current" || worker.task.renewing !== "no") return null;
    const { start, value } = move.created;
    const group = this.groups.at(row[2])[this.#m.setting.groups === 1 ? 0 : i];
    const plans = [...(group?.committed.plans ?? []), ...(group?.pending?.committed.plans ?? [])];
    const named = plans.some(
      (p) =>
        Number(p.start) === start &&
        Number(p.end) === endOf(value) &&
        p.mark === markOf(value.slice(1)),
    );
    if (named) return null;
    const text = plans.map((p) => `[${p.start},${p.end})${p.mark}`).join("") || "nothing";
    return { invariant: "PlanFirst", text: `${move.label}, planned is ${text}` };
  }

  #ofSinks(row: Row, i: 0 | 1): readonly PartMove[] {
    const key = `${row[i]},${row[3]},${row[4]},${this.symmetric ? "" : i}`;
    const known = this.#sinkMoves.get(key);
    if (known !== undefined) return known;
    const worker = this.workers.at(row[i]);
    if (worker === null) return [];
    const all = Array.from({ length: this.#m.setting.sinks }, (_, s) => s);
    const knows = this.#m.setting.knows?.[i] ?? all;
    const moves = sinkMoves(
      this.#m,
      worker,
      this.sinks.at(row[3]),
      this.logs.at(row[4]),
      knows,
    ).map((move): PartMove => ({
      label: move.label,
      worker: this.workers.id(move.worker),
      part: this.sinks.id(move.sinks),
      created: move.created,
      late: move.late,
      back: false,
    }));
    this.#sinkMoves.set(key, moves);
    return moves;
  }

  #ofGroup(row: Row, i: 0 | 1): readonly PartMove[] {
    const key = `${row[i]},${row[2]},${i}`;
    const known = this.#groupMoves.get(key);
    if (known !== undefined) return known;
    const worker = this.workers.at(row[i]);
    const groups = this.groups.at(row[2]);
    const g = this.#m.setting.groups === 1 ? 0 : i;
    const group = groups[g];
    if (worker === null || group === undefined) return [];
    const moves = groupMoves(this.#m, worker, group, i).map((move): PartMove => ({
      label: move.label,
      worker: this.workers.id(move.worker),
      part: this.groups.id(groups.map((one, at) => (at === g ? move.group : one))),
      created: null,
      late: null,
      back: move.back,
    }));
    this.#groupMoves.set(key, moves);
    return moves;
  }

  /** The two workers are interchangeable: the one with the lower number stands first. */
  #mirrored(row: Row): { row: Row; flipped: boolean } {
    if (!this.symmetric || row[0] <= row[1]) return { row, flipped: false };
    return { row: [row[1], row[0], this.#flip(row[2]), row[3], row[4], row[5]], flipped: true };
  }

  #flip(id: number): number {
    const known = this.#flips.get(id);
    if (known !== undefined) return known;
    const swapped = this.groups
      .at(id)
      .map((g): Group => ({ ...g, owner: g.owner === 2 ? 2 : g.owner === 0 ? 1 : 0 }));
    const flipped = this.groups.id(this.#m.setting.groups === 2 ? swapped.reverse() : swapped);
    this.#flips.set(id, flipped);
    return flipped;
  }
}
