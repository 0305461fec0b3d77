import type { Dice } from "../sim/core/random.ts";
import { type Death, Life, type Side } from "./life.ts";
import { runKilled } from "./run-killed.ts";
import { DIED, type Ran, type Scenario, type Scene } from "./scenario.ts";
import type { World } from "./world.ts";

/** What one scenario came to. */
export interface Walked {
  readonly name: string;
  /** Waits that were come to. */
  readonly passed: ReadonlySet<string>;
  /** Where it died, and how often. */
  readonly died: ReadonlyMap<string, number>;
  /** Of these the sides. */
  readonly sides: ReadonlySet<string>;
  /** Of them by SIGKILL, in a process of its own. */
  readonly killed: number;
  readonly runs: number;
  readonly wrong: readonly string[];
  readonly seconds: number;
}

export interface WalkOptions {
  readonly dice: Dice;
  /** Deaths at most. */
  readonly places: number;
  /** Of so many one is a SIGKILL. */
  readonly killOneOf: number;
  /** Both, or either of each wait as the dice say. */
  readonly sides: 1 | 2;
  /** That needs no death here. */
  readonly passes: (place: string, side: Side) => boolean;
}

/** To die at a wait that comes up only after other deaths. */
interface Target {
  readonly after: readonly Death[];
  readonly at: Death;
}

/** What does not die where it should, because it does not come there every time, is tried again. */
const TRIES = 3;
const MAX_WRONG = 5;

/**
 * Dies at every wait that the scenario comes to, also on its way after a death, at either side; runs it again until it comes
 * to its end, and has that judged.
 */
export async function walk(scenario: Scenario, world: World, o: WalkOptions): Promise<Walked> {
  const began = performance.now();
  const scene = await scenario.open(world);
  const walker = new Walker(scene, o);
  try {
    await walker.all();
  } catch (error) {
    // What nobody foresaw is a failure of this scenario; the others are walked.
    walker.wrong.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await scene.close?.();
  }
  const { passed, died, sides, killed, runs, wrong } = walker;
  const seconds = (performance.now() - began) / 1_000;
  return { name: scenario.name, passed, died, sides, killed, runs, wrong, seconds };
}

class Walker {
  readonly passed = new Set<string>();
  readonly died = new Map<string, number>();
  readonly sides = new Set<string>();
  readonly wrong: string[] = [];
  killed = 0;
  runs = 0;
  readonly #scene: Scene;
  readonly #o: WalkOptions;
  readonly #todo: Target[] = [];
  readonly #known = new Set<string>();
  /** Sides of waits that it has died at, or does not come to again. */
  readonly #over = new Set<string>();

  constructor(scene: Scene, o: WalkOptions) {
    this.#scene = scene;
    this.#o = o;
  }

  async all(): Promise<void> {
    await this.#scene.reset();
    await this.#ends([]);
    let left = this.#o.places;
    while (left > 0 && this.wrong.length < MAX_WRONG) {
      const target = this.#next();
      if (target === undefined) return;
      for (let tries = 0; tries < TRIES && !this.#over.has(sideOf(target.at)); tries += 1)
        left -= await this.#one(target);
      this.#over.add(sideOf(target.at));
    }
  }

  #next(): Target | undefined {
    const { dice } = this.#o;
    const todo = this.#todo.filter((t) => !this.#over.has(sideOf(t.at)));
    this.#todo.splice(0, this.#todo.length, ...todo);
    return todo[dice.int(0, Math.max(0, todo.length - 1))];
  }

  /** Answers how many deaths it took. */
  async #one({ after, at }: Target): Promise<number> {
    const { dice } = this.#o;
    const deaths: Death[] = [];
    await this.#scene.reset();
    // Who has died once may die again on the way back.
    const more = after.length === 0 && dice.chance(0.5) ? this.#next()?.at : undefined;
    for (const due of [...after, at, ...(more === undefined ? [] : [more])]) {
      const dies = await this.#dies(due, deaths);
      if (!dies) break;
      deaths.push(due);
    }
    await this.#ends(deaths);
    return Math.max(1, deaths.length);
  }

  async #dies(due: Death, before: readonly Death[]): Promise<boolean> {
    const { dice, killOneOf } = this.#o;
    const argv = this.#scene.argv?.();
    this.runs += 1;
    let ran: Ran;
    if (argv !== undefined && dice.chance(1 / killOneOf)) {
      ran = await runKilled(due, argv);
      if (ran.code === DIED) this.killed += 1;
    } else {
      const life = new Life(due);
      ran = await this.#scene.run(life);
      this.#learn(life, before);
    }
    const { code } = this.#ended(ran);
    if (code > 0) this.#fails(before, [saidBy(ran)]);
    if (code !== DIED) return false;
    this.sides.add(sideOf(due));
    this.#over.add(sideOf(due));
    this.passed.add(due.place);
    this.died.set(due.place, (this.died.get(due.place) ?? 0) + 1);
    await this.#scene.mourn?.();
    return true;
  }

  /** Undisturbed, to the end, and what came of it. */
  async #ends(deaths: readonly Death[]): Promise<void> {
    const life = new Life(null);
    this.runs += 1;
    const ran = await this.#scene.run(life);
    this.#learn(life, deaths);
    const wrong = this.#ended(ran).code === 0 ? await this.#scene.judge() : [saidBy(ran)];
    if (wrong.length > 0) this.#fails(deaths, wrong);
  }

  #ended(ran: Ran): Ran {
    return this.#scene.ended?.(ran) ?? ran;
  }

  #fails(deaths: readonly Death[], wrong: readonly string[]): void {
    const where = deaths.map((d) => `${d.place} (${d.side}, ${d.nth})`).join(", then ");
    this.wrong.push(`died at ${where || "none"}: ${wrong.join("; ")}`);
  }

  #learn(life: Life, after: readonly Death[]): void {
    const both = [
      ["begun", life.passed],
      ["settled", life.settled],
    ] as const satisfies readonly (readonly [Side, ReadonlyMap<string, number>])[];
    for (const [side, counts] of this.#o.dice.chance(0.5) ? both : both.toReversed()) {
      for (const [place, times] of counts) {
        const key = sideOf({ place, side });
        this.passed.add(place);
        if (this.#o.passes(place, side) || this.#known.has(key)) continue;
        this.#known.add(key);
        if (this.#o.sides === 1) this.#known.add(sideOf({ place, side: other(side) }));
        this.#todo.push({ after, at: { place, side, nth: this.#o.dice.int(1, times) } });
      }
    }
  }
}

const other = (side: Side): Side => (side === "begun" ? "settled" : "begun");

export const sideOf = ({ place, side }: Pick<Death, "place" | "side">): string =>
  `${place} ${side}`;

const saidBy = ({ code, stdout, stderr }: Ran): string =>
  `it ended with ${code}: ${stderr.slice(0, 600)} ${stdout.slice(-600)}`;
