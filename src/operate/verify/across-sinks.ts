import type { Scope } from "../../core/scope.ts";
import type { AcrossReport, Problem } from "./report.ts";
import type { Walked } from "./walk-scope.ts";

const MAX_PROBLEMS = 1_000;

const COMPARED = [
  ["manifestDigest", "across-manifest", "its manifest differs from another sink's"],
  ["stored", "across-bytes", "its stored bytes differ from another sink's"],
  [
    "amendments",
    "across-amendments",
    "its amendments differ from another sink's: run rewrap again",
  ],
  ["records", "across-records", "its records differ from another sink's"],
] as const;

/**
 * Compares the batches of all sinks in step: same starts, same manifests, same stored bytes, and the
 * same records where one keeps files and another records.
 */
export class AcrossSinks {
  readonly #names: readonly string[];
  readonly #problems: (Problem & { sink: string } & Scope)[] = [];
  #omitted = 0;
  #batches = 0;

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** `found[i]` is what sink i has at this start. */
  compare(scope: Scope, start: bigint, found: readonly (Walked | undefined)[]): void {
    this.#batches++;
    // A sink that was added later need not have what had expired by then.
    const gone = found.every((walked) => walked === undefined || walked.expired);
    for (const [i, walked] of found.entries()) {
      if (walked !== undefined || gone) continue;
      const text = "is not in this sink, but in another";
      this.problem(scope, this.#names[i] ?? "", start, "across-missing", text);
    }
    for (const [of, code, text] of COMPARED) {
      // What was not read says nothing; the first sink that shows it is what others are held against.
      const model = found.find((walked) => walked?.[of] !== undefined)?.[of];
      for (const [i, walked] of found.entries()) {
        const seen = walked?.[of];
        if (seen === undefined || seen === model) continue;
        this.problem(scope, this.#names[i] ?? "", start, code, text);
      }
    }
  }

  problem(scope: Scope, sink: string, start: bigint, code: string, text: string): void {
    if (this.#problems.length >= MAX_PROBLEMS) {
      this.#omitted++;
      return;
    }
    const { topic, topicId, partition, branch } = scope;
    this.#problems.push({ sink, topic, topicId, partition, branch, code, start, text });
  }

  report(): AcrossReport {
    return {
      ok: this.#problems.length === 0,
      sinks: this.#names,
      batches: this.#batches,
      problems: this.#problems,
      ...(this.#omitted > 0 ? { problemsOmitted: this.#omitted } : {}),
    };
  }
}

/**
 * Walks several ordered streams in step; one that has no batch at a start gives undefined there.
 */
export async function* inStep(
  walks: readonly AsyncGenerator<Walked>[],
): AsyncGenerator<{ start: bigint; found: readonly (Walked | undefined)[] }> {
  const heads = await Promise.all(walks.map((walk) => walk.next()));
  try {
    for (;;) {
      const starts = heads.flatMap((head) => (head.done === true ? [] : [head.value.start]));
      if (starts.length === 0) return;
      const start = starts.reduce((a, b) => (b < a ? b : a));
      const at = heads.map((head) =>
        head.done === true || head.value.start !== start ? undefined : head.value,
      );
      yield { start, found: at };
      for (const [i, walked] of at.entries()) {
        const walk = walks[i];
        if (walked !== undefined && walk !== undefined) heads[i] = await walk.next();
      }
    }
  } finally {
    for (const walk of walks) await walk.return(undefined);
  }
}
