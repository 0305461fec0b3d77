import { IntList, RowSet } from "./intern.ts";
import { type Invariant, isDone, noLoss, ofSinks, type Violation } from "./invariants.ts";
import type { Model } from "./put-moves.ts";
import { ROW_WIDTH, type Row, Space } from "./space.ts";

export interface Outcome {
  readonly states: number;
  readonly steps: number;
  readonly seconds: number;
  /** How many states the search would have without the symmetry: each kept one with its mirror. */
  readonly unreduced: number;
  readonly violation: {
    readonly invariant: Invariant;
    readonly text: string;
    readonly trace: readonly string[];
  } | null;
  /** Alarms that can be raised by the owner of the partition, by code, with the shortest trace. */
  readonly alarms: Readonly<Record<string, readonly string[]>>;
  /** The search was cut at the bound. */
  readonly cut: boolean;
}

/** Breadth first, so every trace is a shortest one. Stops at the first violation. */
export class Search {
  readonly #m: Model;
  readonly #space: Space;
  readonly #rows = new RowSet(ROW_WIDTH);
  readonly #parents = new IntList();
  readonly #labels = new IntList();
  readonly #names = new Map<string, number>();
  readonly #texts: string[] = [];
  readonly #from = new IntList();
  readonly #to = new IntList();
  readonly #goals: number[] = [];
  readonly #alarms: Record<string, readonly string[]> = {};
  readonly #sinksChecked = new Map<string, Violation | null>();
  readonly #lossChecked = new Map<string, Violation | null>();
  #mirrored = 0;

  constructor(model: Model) {
    this.#m = model;
    this.#space = new Space(model);
  }

  run(maxStates: number): Outcome {
    const began = performance.now();
    this.#see(this.#space.initial(), -1, "", false);
    let violation: Outcome["violation"] = null;
    let at = 0;
    for (; at < this.#rows.size && violation === null && this.#rows.size <= maxStates; at += 1) {
      violation = this.#expand(at);
    }
    const cut = violation === null && at < this.#rows.size;
    if (violation === null && !cut) violation = this.#stuck();
    return {
      states: this.#rows.size,
      steps: this.#to.size,
      seconds: (performance.now() - began) / 1000,
      unreduced: this.#rows.size + this.#mirrored,
      violation,
      alarms: this.#alarms,
      cut,
    };
  }

  #row(at: number): Row {
    const get = (column: number): number => this.#rows.get(at, column);
    return [get(0), get(1), get(2), get(3), get(4), get(5)];
  }

  #expand(at: number): Outcome["violation"] {
    for (const next of this.#space.successors(this.#row(at))) {
      const known = this.#rows.size;
      const id = this.#see(next.row, at, next.label, next.flipped);
      this.#from.push(at);
      this.#to.push(id);
      if (next.broken !== null)
        return { ...next.broken, trace: [...this.#trace(at), this.#named(next.label, at)] };
      if (id < known) continue;
      const broken = this.#judge(next.row, id);
      if (broken !== null) return { ...broken, trace: this.#trace(id) };
    }
    return null;
  }

  #see(row: Row, parent: number, label: string, flipped: boolean): number {
    const known = this.#rows.size;
    const id = this.#rows.add(row);
    if (id < known) return id;
    let name = this.#names.get(label);
    if (name === undefined) {
      name = this.#texts.length;
      this.#names.set(label, name);
      this.#texts.push(label);
    }
    this.#parents.push(parent);
    this.#labels.push(name * 2 + (flipped ? 1 : 0));
    if (this.#space.symmetric && row[0] !== row[1]) this.#mirrored += 1;
    return id;
  }

  #judge(row: Row, id: number): Violation | null {
    const { setting, chain } = this.#m;
    const world = this.#space.world(row);
    const { sinks, groups, misc } = world;
    const excused = misc.excused.map((e) => (e ? "x" : "-")).join("");
    const broken =
      once(this.#sinksChecked, `${row[3]} ${excused}`, () =>
        ofSinks(setting, chain, sinks, misc.excused),
      ) ??
      once(this.#lossChecked, `${row[3]} ${row[2]} ${excused}`, () =>
        noLoss(setting, sinks, groups, misc),
      );
    if (broken !== null) return broken;
    let goal = isDone(setting, sinks, groups, misc);
    for (const worker of world.workers) {
      const stop = worker?.lease === "current" ? worker.task.stop : null;
      if (stop === null || stop === undefined) continue;
      goal = true;
      if (this.#alarms[stop.code] !== undefined) continue;
      this.#alarms[stop.code] = this.#trace(id);
      if (!setting.alarms.includes(stop.code)) return { invariant: "NoAlarm", text: stop.code };
    }
    if (goal) this.#goals.push(id);
    return null;
  }

  /** Backwards from every goal: what is not reached can never complete and says nothing. */
  #stuck(): Outcome["violation"] {
    const count = this.#rows.size;
    const first = new Int32Array(count + 1);
    for (let i = 0; i < this.#to.size; i += 1)
      first[this.#to.at(i) + 1] = (first[this.#to.at(i) + 1] ?? 0) + 1;
    for (let i = 0; i < count; i += 1) first[i + 1] = (first[i + 1] ?? 0) + (first[i] ?? 0);
    const fill = first.slice();
    const sources = new Int32Array(this.#to.size);
    for (let i = 0; i < this.#to.size; i += 1) {
      const to = this.#to.at(i);
      const slot = fill[to] ?? 0;
      sources[slot] = this.#from.at(i);
      fill[to] = slot + 1;
    }
    const live = new Uint8Array(count);
    const stack = [...this.#goals];
    for (const goal of stack) live[goal] = 1;
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      for (let i = first[id] ?? 0; i < (first[id + 1] ?? 0); i += 1) {
        const source = sources[i] ?? 0;
        if (live[source] === 1) continue;
        live[source] = 1;
        stack.push(source);
      }
    }
    const dead = live.indexOf(0);
    if (dead < 0) return null;
    const number = live.reduce((n, l) => n + (l === 0 ? 1 : 0), 0);
    return {
      invariant: "Progress",
      text: `STUCK: ${number} states never complete`,
      trace: this.#trace(dead),
    };
  }

  #trace(id: number): string[] {
    const path: number[] = [];
    for (let at = id; at > 0; at = this.#parents.at(at)) path.unshift(at);
    let swapped = false;
    return path.map((at) => {
      const packed = this.#labels.at(at);
      const text = rename(this.#texts[packed >> 1] ?? "", swapped);
      if ((packed & 1) === 1) swapped = !swapped;
      return text;
    });
  }

  #named(label: string, parent: number): string {
    let swapped = false;
    for (let at = parent; at > 0; at = this.#parents.at(at))
      if ((this.#labels.at(at) & 1) === 1) swapped = !swapped;
    return rename(label, swapped);
  }
}

const rename = (label: string, swapped: boolean): string =>
  label.replace(/@([01])/g, (_, i: string) => `w${swapped ? 1 - Number(i) : i}`);

function once<T>(known: Map<string, T>, key: string, compute: () => T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  const value = compute();
  known.set(key, value);
  return value;
}
