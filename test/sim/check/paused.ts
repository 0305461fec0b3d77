import type { Commit } from "../kafka/cluster.ts";
import { Violation } from "./violation.ts";

interface Pause {
  readonly since: number;
  /** Of the newest sign of whoever asked. */
  readonly beatAt: number;
  readonly beat: number;
  readonly ttlMs: number | null;
}

interface RequestText {
  readonly id: string;
  readonly do: string;
  readonly ttlMs?: number | null;
  readonly beat?: number;
}

/** Pauses of partitions as they pass between operators and owners, read from what is committed. */
export class Pauses {
  readonly #pauses = new Map<string, ReadonlyMap<string, Pause>>();
  readonly #done = new Set<string>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** An operator's requests about a partition, all of them. */
  asked({ topic, partition, metadata }: Commit): void {
    const key = `${topic}/${partition}`;
    const before = this.#pauses.get(key);
    const found = new Map<string, Pause>();
    for (const r of (textIn(metadata) ?? []) as readonly RequestText[]) {
      if (r.do !== "pause") continue;
      const { beat = 0, ttlMs = null } = r;
      const known = before?.get(r.id);
      const now = this.#now();
      const beatAt = known?.beat === beat ? known.beatAt : now;
      found.set(r.id, { since: known?.since ?? now, beatAt, beat, ttlMs });
    }
    this.#pauses.set(key, found);
  }

  /** What an owner answers. */
  answered({ metadata }: Commit): void {
    const text = textIn(metadata) as { readonly answers: readonly { id: string; is: string }[] };
    for (const { id, is } of text?.answers ?? []) if (is === "done") this.#done.add(id);
  }

  /** `emptyUntil`: until when nobody was in the group of the owners last. */
  checkHeld(path: string, emptyUntil: number): void {
    const [, topic, , partition] = path.split("/");
    const now = this.#now();
    for (const [id, p] of this.#pauses.get(`${topic}/${partition}`) ?? []) {
      const stands = p.ttlMs === null || now - p.beatAt < p.ttlMs;
      if (stands && (this.#done.has(id) || emptyUntil >= p.since)) return;
    }
    throw new Violation("pause", `${path} is set aside while its partition is not paused`);
  }

  /** Partitions that are paused; what an operator that died has left ends by itself. */
  get standing(): readonly string[] {
    const stands = (p: Pause): boolean => p.ttlMs === null || this.#now() - p.beatAt < p.ttlMs;
    return [...this.#pauses].flatMap(([key, pauses]) =>
      [...pauses.values()].filter(stands).map((p) => `${key} is paused since ${p.since}`),
    );
  }
}

/** `bo1 <checksum> <JSON>` */
function textIn(metadata: string): unknown {
  const [magic, , ...rest] = metadata.split(" ");
  return magic === "bo1" ? JSON.parse(rest.join(" ")) : null;
}
