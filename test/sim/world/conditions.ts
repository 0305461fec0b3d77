import { FAIR, type Weather } from "../core/network.ts";
import type { StoreTrouble } from "../stores/store-view.ts";

/** A condition that holds for a while. */
interface Spell {
  readonly until: number;
  readonly daemon: number | null;
  /** `kafka`, `coordinator`, the name of a sink, or `*`. */
  readonly target: string;
  readonly change: Partial<Weather>;
}

/** What is wrong for a while, between processes and servers and in stores. */
export class Conditions {
  readonly #now: () => number;
  readonly #spells: Spell[] = [];
  readonly #troubles: { until: number; sink: string; change: Partial<StoreTrouble> }[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** What holds between a daemon and a target now. */
  weather(daemon: number, targets: readonly string[]): Weather {
    let now: Weather = FAIR;
    for (const s of this.#spells) {
      if (s.until <= this.#now() || (s.daemon !== null && s.daemon !== daemon)) continue;
      if (s.target === "*" || targets.includes(s.target)) now = { ...now, ...s.change };
    }
    return now;
  }

  spell(s: Omit<Spell, "until">, ms: number): void {
    this.#spells.push({ ...s, until: this.#now() + ms });
  }

  trouble(sink: string, change: Partial<StoreTrouble>, ms: number): void {
    this.#troubles.push({ until: this.#now() + ms, sink, change });
  }

  troubleOf(sink: string): StoreTrouble {
    let now: StoreTrouble = {
      ...{ refusesUser: false, forgets: 0, garbles: 0, misreads: 0, throttled: false },
    };
    for (const t of this.#troubles) {
      if (t.sink === sink && t.until > this.#now()) now = { ...now, ...t.change };
    }
    return now;
  }
}
