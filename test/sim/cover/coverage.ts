import { type Recorder, waits } from "../core/waits.ts";
import { SimProcess } from "../core/process.ts";
import { run } from "../run/run.ts";
import { scenarioOf } from "../run/scenario.ts";
import { CASES } from "../cases.ts";
import type { Scenario } from "../world/settings.ts";
import { ELSEWHERE, wrongWith } from "./elsewhere.ts";
import { EXEMPT } from "./exempt.ts";
import { type Site, sites } from "./protocol-path.ts";

export interface Coverage {
  readonly sites: readonly (Site & { readonly crashes: number; readonly waits: number })[];
  readonly runs: number;
  readonly deaths: number;
  readonly failures: readonly string[];
}

/** A wait that came up: enough to come there again and die. */
interface Example {
  readonly scenario: Scenario;
  readonly process: string;
  readonly call: number;
}

/** How often a wait is come back to at most. */
const EXAMPLES = 8;

class Waits implements Recorder {
  readonly crashes = new Map<string, number>();
  readonly begun = new Map<string, number>();
  readonly examples = new Map<string, Example[]>();
  readonly #pending = new WeakMap<object, Map<string, number>>();
  /** Waits that began since time last went on. */
  readonly #fresh: { place: string; over: boolean; example: Example }[] = [];
  scenario: Scenario = scenarioOf(0);
  deaths = 0;

  began(owner: object, place: string, value: unknown): void {
    add(this.begun, place, 1);
    if (!(owner instanceof SimProcess)) return;
    // The call itself may be what killed it.
    if (!owner.alive) add(this.crashes, place, 1);
    if (!owner.alive || !(value instanceof Promise)) return;
    const pending = this.#pending.get(owner) ?? new Map<string, number>();
    this.#pending.set(owner, pending);
    add(pending, place, 1);
    const { name: process, calls: call } = owner;
    const wait = { place, over: false, example: { scenario: this.scenario, process, call } };
    const over = (): void => {
      wait.over = true;
      add(pending, place, -1);
    };
    value.then(over, over);
    if (!this.crashes.has(place)) this.#fresh.push(wait);
  }

  passed(): void {
    for (const { place, over, example } of this.#fresh) {
      const known = this.examples.get(place) ?? [];
      this.examples.set(place, known);
      if (!over && known.length < EXAMPLES && known.at(-1)?.process !== example.process)
        known.push(example);
    }
    this.#fresh.length = 0;
  }

  died(owner: object): void {
    this.deaths += 1;
    for (const [place, n] of this.#pending.get(owner) ?? []) if (n > 0) add(this.crashes, place, n);
  }
}

const add = (to: Map<string, number>, key: string, n: number): void => {
  to.set(key, (to.get(key) ?? 0) + n);
};

/**
 * Where crashes were tried: after the runs of the seeds, every wait that came up and at which none
 * happened to die is come back to, in the run it was seen in, and died at.
 */
export async function cover(firstSeed: number, runs: number): Promise<Coverage> {
  const recorder = new Waits();
  waits.recorder = recorder;
  const failures: string[] = [];
  let all = 0;
  const once = async (scenario: Scenario, at: Example | null): Promise<void> => {
    recorder.scenario = scenario;
    all += 1;
    const outcome = await run(scenario, {
      onStart: (process) => {
        if (process.name === at?.process)
          process.crashAt({ at: "", nth: Math.max(1, at.call), side: "after" });
      },
    });
    if (outcome.failure !== null) failures.push(`seed ${scenario.seed}: ${outcome.failure.text}`);
  };
  for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) await once(scenarioOf(seed), null);
  // What takes several faults at once to come to is in the cases that have a name.
  for (const [, scenario] of CASES) await once(scenario, null);
  for (const { place } of sites()) {
    // One may be lost on its way, and then nobody dies of it.
    for (const example of recorder.examples.get(place) ?? []) {
      // The call that it waits for may be one that comes a moment after the wait began.
      for (let later = 0; later < 3 && !recorder.crashes.has(place); later += 1)
        await once(example.scenario, { ...example, call: example.call + later });
    }
  }
  waits.recorder = null;
  const counted = sites().map((s) => ({
    ...s,
    crashes: recorder.crashes.get(s.place) ?? 0,
    waits: recorder.begun.get(s.place) ?? 0,
  }));
  return { sites: counted, runs: all, deaths: recorder.deaths, failures };
}

/** Waits at which no crash was tried and that are not known to be out of reach. */
export const uncovered = (c: Coverage): Coverage["sites"] =>
  c.sites.filter((s) => s.crashes === 0 && !isElsewhere(s) && !EXEMPT.some((e) => matches(e, s)));

/** Reasons that fit no wait any more. */
export const stale = (c: Coverage): readonly string[] =>
  EXEMPT.filter((e) => !c.sites.some((s) => matches(e, s))).map((e) => `${e.file}: ${e.text}`);

/** Files that are said to run elsewhere only, and run here, or whose test kills nobody. */
export const wrongElsewhere = (c: Coverage): readonly string[] =>
  ELSEWHERE.flatMap((e) => {
    const own = c.sites.filter((s) => s.place.startsWith(`${e.file}:`));
    const wrong = own.length === 0 ? `${e.file}: it waits for nothing` : wrongWith(e);
    const runs = own.some((s) => s.waits > 0) ? [`${e.file}: the simulation runs it`] : [];
    return wrong === null ? runs : [wrong, ...runs];
  });

const isElsewhere = (s: Site): boolean => ELSEWHERE.some((e) => s.place.startsWith(`${e.file}:`));

const matches = (e: (typeof EXEMPT)[number], s: Site): boolean =>
  s.place.startsWith(`${e.file}:`) && s.text.includes(e.text);
