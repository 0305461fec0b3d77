import type { Amendment } from "../../core/amendment.ts";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { encodeManifest } from "../../core/manifest.ts";
import type { Scope } from "../../core/scope.ts";
import type { RepairContext } from "./context.ts";
import { certainManifest } from "./certain.ts";
import { inOrder } from "./in-order.ts";
import type { Held } from "./operator.ts";
import { type Pair, pairsFrom } from "./pairs.ts";
import { place, type Placed, replace, stateText, type Whole } from "./placing.ts";
import type { ReconciledPartition, RepairProblem } from "./report.ts";
import { type AmendedBatch, amendedBatch, storedBatch } from "./amended.ts";
import { keepsFiles, manifestOf, type Named, readFile, sealedBatch } from "./verified.ts";

export interface ReconcileOptions {
  readonly source: Named;
  readonly target: Named;
  /** Batches that are there and valid and differ from the source's are set aside as well. */
  readonly repair: boolean;
  /** Compare manifests and sizes only. */
  readonly quick: boolean;
  readonly dryRun: boolean;
  readonly identities: readonly Uint8Array[];
  readonly onDone: (bytes: number) => void;
}

type Tally = { -readonly [K in keyof ReconciledPartition]: ReconciledPartition[K] };

/** What is to be done about one start. */
type Verdict =
  | { readonly do: "nothing"; readonly bytes: number }
  | { readonly do: "expired" }
  /** `unsure`: something is there, and whether it can be completed shows on trying. */
  | { readonly do: "copy" | "unsure" | "replace"; readonly manifest: Manifest }
  | { readonly do: "report"; readonly problem: RepairProblem };

/** Batches compared at once: a sink's own limits hold as well. */
const COMPARED_AT_ONCE = 4;
const MAX_PROBLEMS = 100;
const NOTHING = new Uint8Array(0);

/**
 * Brings one partition of the target to what the source has: compares in order, copies what is missing,
 * and with the partition paused replaces what is damaged. Ends at the committed offset: what lies
 * behind it is the daemon's.
 */
export async function reconcileScope(
  repair: RepairContext,
  o: ReconcileOptions,
  scope: Scope,
): Promise<ReconciledPartition> {
  const tally: Tally = {
    ...scope,
    ...{ compared: 0, same: 0, copied: 0, replaced: 0, expired: 0, bytes: 0, problems: [] },
  };
  const settled = repair.kafka?.settled(scope) ?? "not-live";
  const run = new ScopeRun(repair, o, scope, settled === "not-live" ? null : settled, tally);
  for (let at: bigint | null = 0n; at !== null;) {
    const stopped = await run.from(at, null, repair.signal);
    if (stopped === null) break;
    at = await repair.paused(scope, (held, signal) => run.from(stopped, held, signal));
  }
  return tally;
}

class ScopeRun {
  readonly #repair: RepairContext;
  readonly #o: ReconcileOptions;
  readonly #scope: Scope;
  /** From here on the daemon writes; null: nobody does. */
  readonly #limit: bigint | null;
  readonly #tally: Tally;

  constructor(
    repair: RepairContext,
    o: ReconcileOptions,
    scope: Scope,
    limit: bigint | null,
    tally: Tally,
  ) {
    this.#repair = repair;
    this.#o = o;
    this.#scope = scope;
    this.#limit = limit;
    this.#tally = tally;
  }

  /**
   * Answers the start where to go on: with the partition paused when it was not, without when the pause
   * has lasted long enough. Null: it came to the end.
   */
  async from(start: bigint, held: Held | null, signal: AbortSignal): Promise<bigint | null> {
    const { clock, pauseMs } = this.#repair;
    const until = held === null ? Infinity : clock.now() + pauseMs;
    const pairs = pairsFrom(start, { ...this.#o, scope: this.#scope, limit: this.#limit }, signal);
    const judged = inOrder(pairs, COMPARED_AT_ONCE, async (pair) => ({
      pair,
      verdict: await this.#judge(pair, signal),
    }));
    for await (const { pair, verdict } of judged) {
      signal.throwIfAborted();
      if (verdict.do === "replace" && held === null && !this.#o.dryRun) return pair.start;
      if (pair.start > start && clock.now() >= until) return pair.start;
      this.#tally.compared += pair.inSource === undefined ? 0 : 1;
      if (verdict.do === "expired") {
        this.#tally.expired += 1;
        this.#o.onDone(0);
      } else if (verdict.do === "nothing") {
        this.#tally.same += 1;
        this.#o.onDone(verdict.bytes);
      } else if (verdict.do === "report") this.#report(verdict.problem);
      else {
        const next = await this.#mend(verdict, held, signal);
        if (next === "pause") return pair.start;
        if (next === "end") return null;
      }
    }
    return null;
  }

  async #judge(pair: Pair, signal: AbortSignal): Promise<Verdict> {
    const { source, target } = this.#o;
    const { start } = pair;
    if (pair.inSource?.manifest === undefined) {
      if (pair.inSource !== undefined)
        return problem("source-lacks", source.name, start, "data without manifest");
      return problem(
        "extra",
        target.name,
        start,
        `sink ${source.name} has no batch that begins here`,
      );
    }
    const bytes = await source.sink.manifest({ ...this.#scope, start }, signal);
    const verdict = await this.#judgeBy(bytes, pair, signal);
    // The target has the very same: nobody reads one thing wrong in two stores alike.
    if (verdict.do === "nothing") return verdict;
    const sure = await certainManifest(source, { ...this.#scope, start }, bytes, signal);
    const same = Buffer.compare(bytes ?? NOTHING, sure ?? NOTHING) === 0;
    return same ? verdict : this.#judgeBy(sure, pair, signal);
  }

  async #judgeBy(bytes: Uint8Array | undefined, pair: Pair, signal: AbortSignal): Promise<Verdict> {
    const { source, target, quick } = this.#o;
    const { start } = pair;
    const manifest = manifestOf(bytes, { ...this.#scope, start }, this.#repair);
    if (typeof manifest === "string")
      return problem("source-damaged", source.name, start, manifest);
    // What has expired somewhere is not put back there. Its manifest stays, so one that is gone was lost.
    const [from, there] = [pair.inSource?.data, pair.inTarget];
    const gone = from === undefined || (there?.manifest !== undefined && there.data === undefined);
    if (gone && this.#repair.expired(manifest)) return { do: "expired" };
    const objected = await this.#againstPrimary(manifest, signal);
    if (objected !== null) return problem("source-differs", source.name, start, objected);
    if (pair.inTarget === undefined) return { do: "copy", manifest };
    const state = await target.sink.stat(manifest, quick ? "cheap" : "bytes", signal);
    if (state.is === "absent") return { do: "copy", manifest };
    if (state.is === "data") return { do: "unsure", manifest };
    if (state.is === "damaged") {
      const partial = pair.inTarget.data === undefined || pair.inTarget.manifest === undefined;
      return { do: partial ? "unsure" : "replace", manifest };
    }
    const stored = await target.sink.manifest(manifest, signal);
    if (
      stored !== undefined &&
      Buffer.compare(stored, Buffer.from(encodeManifest(manifest))) === 0
    ) {
      const { now, amendments } = await this.#amended(source, manifest, signal);
      const isSame = state.manifest.seal.digest === now.seal.digest;
      if (!keepsFiles(target) || (isSame && (await this.#knows(amendments, manifest, signal))))
        return { do: "nothing", bytes: manifest.seal.size };
      // What was rewrapped to what it was at first is the same file.
      if (isSame) return { do: "copy", manifest };
      return problem(
        "different",
        target.name,
        start,
        "its file was not rewrapped: run rewrap again",
      );
    }
    const text = `${stateText(state)}; ${source.name} has ${manifest.seal.digest}, link ${manifest.link}`;
    const isPrimary = target.name === this.#repair.primary.name;
    if (this.#o.repair && !isPrimary) return { do: "replace", manifest };
    return problem("different", target.name, start, text);
  }

  /** Where neither is the primary: what the primary has decides (rule 3). */
  async #againstPrimary(manifest: Manifest, signal: AbortSignal): Promise<string | null> {
    const { primary } = this.#repair;
    const { source, target } = this.#o;
    if (source.name === primary.name || target.name === primary.name) return null;
    const bytes = await primary.sink.manifest(manifest, signal);
    if (bytes === undefined) return `the primary ${primary.name} has no batch that begins here`;
    const equal = Buffer.compare(bytes, Buffer.from(encodeManifest(manifest))) === 0;
    return equal ? null : `the primary ${primary.name} has another batch here`;
  }

  /** `end`: nothing behind it may be put there either, because sinks hold no gaps (rule 4). */
  async #mend(
    verdict: Extract<Verdict, { readonly manifest: Manifest }>,
    held: Held | null,
    signal: AbortSignal,
  ): Promise<"next" | "pause" | "end"> {
    const { manifest } = verdict;
    const { source, target, dryRun, onDone } = this.#o;
    const { start, end, seal } = manifest;
    if (!dryRun) {
      const whole = await this.#read(manifest, signal);
      if (typeof whole === "string") {
        this.#report({ code: "source-damaged", sink: source.name, start, end, text: whole });
        return "end";
      }
      const placed = await this.#place(verdict.do, whole, held, signal);
      if (placed.is === "different") {
        if (verdict.do === "unsure" && held === null) return "pause";
        this.#report({ code: "not-placed", sink: target.name, start, end, text: placed.text });
        return "end";
      }
      if (placed.is === "confirmed" && verdict.do === "replace") {
        // What the looks before said was a misread, or somebody else was faster.
        this.#tally.same += 1;
        onDone(seal.size);
        return "next";
      }
      if (placed.is === "replaced") this.#tally.replaced += 1;
      else this.#tally.copied += 1;
    } else if (verdict.do === "replace") this.#tally.replaced += 1;
    else this.#tally.copied += 1;
    this.#tally.bytes += seal.size;
    onDone(seal.size);
    return "next";
  }

  async #place(
    what: "copy" | "unsure" | "replace",
    whole: Whole,
    held: Held | null,
    signal: AbortSignal,
  ): Promise<Placed> {
    const { target } = this.#o;
    try {
      if (held === null || what === "copy") return await place(target, whole, signal);
      return await replace(target, whole, held, signal);
    } catch (error) {
      // A sink that cannot: others may still be mended.
      if (!(error instanceof ArchiverError) || error.code !== "sink-permanent") throw error;
      return { is: "different", text: error.message };
    }
  }

  /** Whether the target has as many amendments of a batch as the source. */
  async #knows(all: readonly Amendment[], m: Manifest, signal: AbortSignal): Promise<boolean> {
    if (all.length === 0) return true;
    const own = (await this.#o.target.sink.amendments?.(m, signal)) ?? [];
    return own.length >= all.length;
  }

  /** As `rewrap` left it; what is in the clear was never rewrapped. */
  async #amended(named: Named, m: Manifest, signal: AbortSignal): Promise<AmendedBatch> {
    if (m.seal.encryption === "none") return { amendments: [], now: m };
    return amendedBatch(named, m, this.#repair.seeds, signal);
  }

  async #read(manifest: Manifest, signal: AbortSignal): Promise<Whole | string> {
    const { source, identities } = this.#o;
    try {
      const { amendments, now } = await storedBatch(source, manifest, this.#repair.seeds, signal);
      const bytes = await readFile(source, now, signal);
      return { manifest, batch: sealedBatch(now, bytes, identities), amendments };
    } catch (error) {
      if (error instanceof ArchiverError && error.code === "sealed-invalid") return error.message;
      throw error;
    }
  }

  #report(problem: RepairProblem): void {
    if (this.#tally.problems.length < MAX_PROBLEMS) this.#tally.problems.push(problem);
  }
}

const problem = (
  code: RepairProblem["code"],
  sink: string,
  start: bigint,
  text: string,
): Verdict => ({ do: "report", problem: { code, sink, start, text } });
