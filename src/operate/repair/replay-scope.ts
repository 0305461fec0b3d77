import { ArchiverError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import type { RepairContext } from "./context.ts";
import type { Held } from "./operator.ts";
import { place, type Placed, replace, type Whole } from "./placing.ts";
import { ReplaySteps, type Step, type StepOptions } from "./replay-steps.ts";
import type { RepairProblem, ReplayedPartition } from "./report.ts";
import { survey } from "./survey.ts";
import type { Named } from "./verified.ts";

export interface ReplayOptions extends StepOptions {
  readonly onDone: (offsets: bigint, bytes: number) => void;
}

type Tally = { -readonly [K in keyof ReplayedPartition]: ReplayedPartition[K] };

const MAX_PROBLEMS = 100;

/**
 * Goes through the batches that hold offsets of [from, to), in order, and sees to it that every target has
 * each: from what a sink has, else made again from Kafka. Where it has to set something aside the
 * partition is paused, for a while at a time.
 */
export class ScopeReplay {
  readonly tally: Tally;
  readonly #repair: RepairContext;
  readonly #o: ReplayOptions;
  readonly #scope: Scope;
  readonly #to: bigint;
  readonly #steps: ReplaySteps;

  constructor(
    repair: RepairContext,
    o: ReplayOptions,
    scope: Scope,
    range: { readonly from: bigint; readonly to: bigint },
  ) {
    this.#repair = repair;
    this.#o = o;
    this.#scope = scope;
    this.#to = range.to;
    this.#steps = new ReplaySteps(repair, o, scope, range.to, (problem) => this.#report(problem));
    this.tally = {
      ...scope,
      ...{ from: range.from, to: range.from, confirmed: 0, made: 0, replaced: 0, cut: 0 },
      ...{ expired: 0, expiredTo: null },
      ...{ records: 0n, bytes: 0, problems: [] },
    };
  }

  async run(): Promise<ReplayedPartition> {
    const { sinks, paused } = this.#repair;
    const begun = await survey(this.#repair, sinks, this.#scope, this.tally.from);
    // Whole batches: the first one holds `from`.
    if (begun.here.length === 0 && begun.across !== null) {
      this.tally.from = begun.across.manifest.start;
    }
    this.tally.to = this.tally.from;
    for (let at: bigint | null = this.tally.from; at !== null;) {
      const stopped = await this.#from(at, null, this.#repair.signal);
      if (stopped === null) break;
      at = await paused(this.#scope, (held, signal) => this.#from(stopped, held, signal));
    }
    return this.tally;
  }

  /** Answers where to go on: under a pause when there was none, without when it has lasted long enough. */
  async #from(start: bigint, held: Held | null, signal: AbortSignal): Promise<bigint | null> {
    const { clock, pauseMs } = this.#repair;
    const until = held === null ? Infinity : clock.now() + pauseMs;
    for (let at = start; at < this.#to; at = this.tally.to) {
      signal.throwIfAborted();
      if (at > start && clock.now() >= until) return at;
      const step = await this.#steps.at(at);
      if (step === null) return null;
      if (step.is === "batch") {
        const outcome = await this.#place(step, held, signal);
        if (outcome === "pause") return at;
        if (outcome === "end") return null;
        this.tally.to = step.whole.manifest.end;
      } else {
        if (step.is === "foreseen") this.tally.made += 1;
        else if (step.is === "expired") {
          this.tally.expired += 1;
          this.tally.expiredTo = step.to;
        } else if (step.problem !== null) this.#report(step.problem);
        this.#o.onDone(step.to - at, 0);
        this.tally.to = step.to;
      }
    }
    return null;
  }

  /** In the primary first: what it answers decides; then in the others at once. */
  async #place(
    step: Extract<Step, { is: "batch" }>,
    held: Held | null,
    signal: AbortSignal,
  ): Promise<"next" | "pause" | "end"> {
    const { whole, anew } = step;
    const { targets, repair, dryRun, onDone } = this.#o;
    const { start, end, records, seal } = whole.manifest;
    const put = (named: Named): Promise<Placed> =>
      dryRun ? this.#compare(named, whole, signal) : this.#put(named, whole, held, signal);
    const [first, ...others] = targets;
    if (first === undefined) return "end";
    const placed = [await put(first)];
    const decided = placed[0]?.is !== "different";
    if (decided) placed.push(...(await Promise.all(others.map(put))));
    const wrong = placed.flatMap((p, i) => (p.is === "different" ? [{ p, i }] : []));
    if (wrong.length > 0 && repair && held === null && !dryRun) return "pause";
    for (const { p, i } of wrong) {
      const sink = targets[i]?.name ?? "";
      this.#report({ code: "different", sink, start, end, text: p.text });
    }
    const some = (is: Placed["is"]): boolean => placed.some((p) => p.is === is);
    if (wrong.length === 0) {
      if (some("replaced")) this.tally.replaced += 1;
      else if (some("created")) this.tally.made += 1;
      else this.tally.confirmed += 1;
      if (anew) this.tally.cut += 1;
    }
    this.tally.records += records;
    if (some("created") || some("replaced")) this.tally.bytes += seal.size;
    onDone(end - start, seal.size);
    // A batch that the primary lacks lets nothing behind it in, when it has yet to be made.
    return !decided && anew ? "end" : "next";
  }

  async #put(named: Named, whole: Whole, held: Held | null, signal: AbortSignal): Promise<Placed> {
    try {
      if (held === null || !this.#o.repair) return await place(named, whole, signal);
      return await replace(named, whole, held, signal);
    } catch (error) {
      if (!(error instanceof ArchiverError) || error.code !== "sink-permanent") throw error;
      return { is: "different", text: error.message };
    }
  }

  /** With `--dry-run`: what would come of it. */
  async #compare(named: Named, { manifest }: Whole, signal: AbortSignal): Promise<Placed> {
    const state = await named.sink.stat(manifest, "bytes", signal);
    if (state.is === "whole" && state.manifest.link === manifest.link) {
      if (state.manifest.seal.digest === manifest.seal.digest) return { is: "confirmed" };
    }
    if (state.is === "absent" || state.is === "data") return { is: "created" };
    if (state.is === "whole") return { is: "different", text: "another batch is there" };
    // One of its two parts is there: whether it can be completed shows on trying.
    const partial = state.tag === "" || (await named.sink.manifest(manifest, signal)) === undefined;
    return partial ? { is: "created" } : { is: "different", text: state.reason };
  }

  #report(problem: RepairProblem): void {
    if (this.tally.problems.length < MAX_PROBLEMS) this.tally.problems.push(problem);
  }
}
