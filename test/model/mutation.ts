import type { Effect, Event } from "../../src/pipeline/effect.ts";
import type { Slot, Task } from "../../src/pipeline/state.ts";
import type { Invariant } from "./invariants.ts";
import { variant } from "./variants.ts";
import { type Broken, HONEST, type Setting, type Table, TABLE } from "./world.ts";

/**
 * Each rule switched off, by wrapping the table's pure functions or the world around them: the
 * product carries no switches. The search has to fail, with the invariant named.
 */
export interface Mutation {
  readonly letter: string;
  readonly title: string;
  /** The rule of the design that is off. */
  readonly rule: string;
  readonly caughtBy: Invariant;
  readonly setting: Setting;
  readonly table: Table;
  readonly broken: Broken;
}

export type Change = Partial<Table> | { readonly world: Partial<Broken> };

export function mutation(
  letter: string,
  rule: string,
  title: string,
  caughtBy: Invariant,
  setting: Partial<Setting>,
  change: Change,
): Mutation {
  const world = "world" in change ? change.world : {};
  const table = "world" in change ? TABLE : { ...TABLE, ...change };
  const broken = { ...HONEST, ...world };
  return { letter, title, rule, caughtBy, setting: variant(letter, title, setting), table, broken };
}

/** Besides: the deliveries the table would want if its slots were other than they are. */
export const also =
  (see: (t: Task) => Task | readonly Task[]) =>
  (t: Task): readonly Effect[] => {
    const effects = [...TABLE.wanted(t)];
    const seen = see(t);
    for (const other of Array.isArray(seen) ? (seen as readonly Task[]) : [seen as Task]) {
      for (const e of TABLE.wanted(other)) {
        if (e.do !== "publish" && e.do !== "describe") continue;
        const done = t.slots.find((s) => s.id === e.slot)?.steps[e.sink];
        const known = effects.some((x) => x.do === e.do && x.slot === e.slot && x.sink === e.sink);
        if (!known && done === (e.do === "publish" ? "none" : "data")) effects.push(e);
      }
    }
    return effects;
  };

export const slots = (t: Task, f: (s: Slot, j: number) => Slot): Task => ({
  ...t,
  slots: t.slots.map(f),
});

/** Another event in place of one. */
export const instead =
  (f: (e: Event, t: Task) => Event) =>
  (t: Task, e: Event): Task =>
    TABLE.apply(t, f(e, t));
