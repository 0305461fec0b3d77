import { genesisLink } from "../../core/chain.ts";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { descriptionOf } from "../../core/manifest.ts";
import type { Scope } from "../../core/scope.ts";
import { storedBatch } from "./amended.ts";
import type { RepairContext } from "./context.ts";
import { certainState } from "./certain.ts";
import type { Whole } from "./placing.ts";
import type { Remaker } from "./remake.ts";
import type { RepairProblem } from "./report.ts";
import { floorOf, nextStart, type Survey, survey } from "./survey.ts";
import { keepsFiles, type Named, readFile, sealedBatch } from "./verified.ts";

export interface StepOptions {
  /** That are confirmed or written to, in this order; the first is the one whose chain counts. */
  readonly targets: readonly Named[];
  /** The archive that is written: this one, or with `--into` a fresh one. */
  readonly archiveId: string;
  readonly fresh: boolean;
  readonly remaker: Remaker;
  readonly repair: boolean;
  readonly dryRun: boolean;
  readonly identities: readonly Uint8Array[];
}

/** What is to be in every target from an offset on. */
export type Step =
  | { readonly is: "batch"; readonly whole: Whole; readonly anew: boolean }
  /** Older than the retention: nothing is compared or put back, because some sinks may have let it go. */
  | { readonly is: "expired"; readonly to: bigint }
  /** With `--dry-run`: it would be made. */
  | { readonly is: "foreseen"; readonly to: bigint }
  | { readonly is: "hole"; readonly to: bigint; readonly problem: RepairProblem | null };

/** Another sink is asked then. */
const PASSED = new Set<string>([
  "sealed-invalid",
  "manifest-invalid",
  "sink-transient",
  "sink-permanent",
]);

/** Finds out which batch belongs at an offset, and its bytes: from a sink that has them, else from Kafka. */
export class ReplaySteps {
  readonly #repair: RepairContext;
  readonly #o: StepOptions;
  readonly #scope: Scope;
  readonly #to: bigint;
  readonly #report: (problem: RepairProblem) => void;
  /** The batch that was to be placed last. */
  #before: Manifest | null = null;
  /** Starts of batches that do not follow from what is before them. */
  readonly #open = new Set<bigint>();

  constructor(
    repair: RepairContext,
    o: StepOptions,
    scope: Scope,
    to: bigint,
    report: (problem: RepairProblem) => void,
  ) {
    this.#repair = repair;
    this.#o = o;
    this.#scope = scope;
    this.#to = to;
    this.#report = report;
  }

  /** Null: nothing more can be done behind it. */
  async at(at: bigint): Promise<Step | null> {
    if (this.#o.fresh) {
      const own = await this.#begun(this.#o.targets[0], at);
      if (own !== null) return { is: "batch", whole: own, anew: false };
    }
    const found = await survey(this.#repair, this.#repair.sinks, this.#scope, at);
    for (const { named, text } of found.refused) this.#differs(named, at, text);
    const truth = found.here[0];
    if (truth !== undefined) return this.#known(truth.manifest, found);
    if (found.across !== null) {
      const { named, manifest } = found.across;
      const text = `its batch [${manifest.start}, ${manifest.end}) reaches into the one that begins here`;
      const end = manifest.end;
      this.#report({ code: "overlap", sink: named.name, start: at, end, text });
      return null;
    }
    return this.#unknown(at);
  }

  /** A batch that some sink has a manifest of: its bytes from a sink that has them, else from Kafka. */
  async #known(m: Manifest, found: Survey): Promise<Step | null> {
    const { start, end } = m;
    if (this.#repair.expired(m)) return { is: "expired", to: end };
    this.#follows(m);
    const links = new Set(found.here.map((h) => h.manifest.link));
    for (const { named, manifest } of found.here) {
      if (manifest.link !== m.link) this.#differs(named, start, `its link is ${manifest.link}`);
    }
    const holders = found.here.filter((h) => h.manifest.link === m.link);
    const stored = await this.#stored(m, holders);
    if (stored !== null) return this.#batch(stored, false);
    const remade = await this.#o.remaker.again(m, this.#scope);
    switch (remade.is) {
      case "same":
        return this.#batch({ manifest: m, batch: remade.batch }, false);
      case "other-file":
        return this.#batch(remade.whole, false);
      default: {
        const text = `no sink has its file whole, and ${remade.text}`;
        const problem = { code: "lost" as const, start, end, text };
        return links.size === 0 ? null : { is: "hole", to: end, problem };
      }
    }
  }

  async #stored(
    m: Manifest,
    holders: readonly { readonly named: Named; readonly manifest: Manifest }[],
  ): Promise<Whole | null> {
    const { signal } = this.#repair;
    for (const { named, manifest } of holders) {
      if (!keepsFiles(named) || manifest.seal.digest !== m.seal.digest) continue;
      try {
        const { seeds } = this.#repair;
        const { amendments, now } = await storedBatch(named, manifest, seeds, signal);
        const bytes = await readFile(named, now, signal);
        return { manifest: m, batch: sealedBatch(now, bytes, this.#o.identities), amendments };
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ArchiverError)) throw error;
        // Damaged, or gone: another one may have it, and this one is reported where it is compared.
        if (!PASSED.has(error.code)) throw error;
      }
    }
    return null;
  }

  /** What a run before this one has put into the sink that decides: perhaps without its manifest. */
  async #begun(named: Named | undefined, at: bigint): Promise<Whole | null> {
    const { signal } = this.#repair;
    if (named === undefined || !keepsFiles(named)) return null;
    const state = await certainState(named, { ...this.#scope, start: at }, signal);
    if (state.is !== "data" && state.is !== "whole") return null;
    const d = state.is === "whole" ? state.manifest : state.description;
    const batch = sealedBatch(d, await readFile(named, d, signal), this.#o.identities);
    if (state.is === "whole") return { manifest: state.manifest, batch };
    const prevLink = (await this.#linkBefore(at)) ?? genesisLink(d.archiveId, this.#scope);
    return { manifest: this.#o.remaker.manifest(d, prevLink), batch };
  }

  /** Nobody knows a batch that begins here: it is cut anew, up to the next one that is known. */
  async #unknown(at: bigint): Promise<Step | null> {
    const { sinks, primary } = this.#repair;
    const begun = this.#o.fresh ? null : await this.#begun(primary, at);
    if (begun !== null) return { is: "batch", whole: begun, anew: true };
    const next = await nextStart(this.#repair, sinks, this.#scope, at);
    const limit = next !== null && next < this.#to ? next : this.#to;
    const bound = next ?? this.#to;
    const prev = await this.#linkBefore(at);
    if (prev === null && next !== null && !this.#o.fresh) {
      const text = `the archive begins at ${next}: what lies before it can be archived with --into`;
      const problem = { code: "before-archive" as const, start: at, end: limit, text };
      return { is: "hole", to: limit, problem };
    }
    const prevLink = prev ?? genesisLink(this.#o.archiveId, this.#scope);
    const made = await this.#cut(at, { bound, next, prevLink });
    // The commit said so while Kafka still had them: markers, which belong to whatever batch comes next.
    const isTail = next === null && this.#repair.kafka?.archivedTo(this.#scope) === at;
    if (made === null && !isTail) {
      const text = "neither a sink nor Kafka has these offsets";
      return { is: "hole", to: limit, problem: { code: "hole", start: at, end: limit, text } };
    }
    // Markers and offsets that were taken: they belong to whatever batch comes after them.
    if (made === null || made === "nothing") return { is: "hole", to: limit, problem: null };
    return this.#batch(made, true);
  }

  /** One batch that closes the gap under its links, if there was one; else by the normal rules. */
  async #cut(
    start: bigint,
    gap: { readonly bound: bigint; readonly next: bigint | null; readonly prevLink: string },
  ): Promise<Whole | "nothing" | null> {
    const { remaker } = this.#o;
    const { bound: limit, next, prevLink } = gap;
    if (next !== null) {
      const one = await remaker.next(this.#scope, { start, limit, whole: true }, prevLink);
      if (one === null || one === "nothing") return one;
      const after = await this.#manifestAt(next);
      if (one.manifest.end === next && after?.prevLink === one.manifest.link) return one;
    }
    const made = await remaker.next(this.#scope, { start, limit, whole: false }, prevLink);
    if (made === null || made === "nothing" || next === null) return made;
    const after = await this.#manifestAt(next);
    if (made.manifest.end === next && after?.prevLink !== made.manifest.link)
      this.#chainOpen(start, next);
    return made;
  }

  /** What a run before this one has put before it may not be what was there once. */
  #follows({ start, prevLink }: Manifest): void {
    const before = this.#before;
    if (before === null || before.end !== start || before.link === prevLink) return;
    if (!this.#o.fresh) this.#chainOpen(before.start, start);
  }

  #chainOpen(start: bigint, end: bigint): void {
    if (this.#open.has(end)) return;
    this.#open.add(end);
    const text = `the batch at ${end} names another link: the chain says that something else was here`;
    this.#report({ code: "chain-open", start, end, text });
  }

  async #manifestAt(start: bigint): Promise<Manifest | undefined> {
    const found = await survey(this.#repair, this.#repair.sinks, this.#scope, start);
    return found.here[0]?.manifest;
  }

  /** The link that a batch at `at` follows; null: nothing is before it. */
  async #linkBefore(at: bigint): Promise<string | null> {
    const [first] = this.#o.fresh ? this.#o.targets : [this.#repair.primary];
    if (first === undefined || at === 0n) return null;
    const before = await floorOf(first, this.#scope, at - 1n, this.#repair.signal);
    return before?.link ?? null;
  }

  /** In a fresh archive every batch is described anew: its id, its chain and its keys' marks are its own. */
  async #batch(whole: Whole, anew: boolean): Promise<Step> {
    const { start, end } = whole.manifest;
    if (!this.#o.fresh) {
      // What is not there cannot be confirmed; what is there is compared, which changes nothing.
      if (this.#o.dryRun && anew) return { is: "foreseen", to: end };
      this.#before = whole.manifest;
      return { is: "batch", whole, anew };
    }
    // As its file is now: a fresh archive has no amendments.
    const { seal } = whole.batch.description;
    const d = { ...descriptionOf(whole.manifest), seal, archiveId: this.#o.archiveId };
    const prevLink = await this.#linkBefore(start);
    const manifest = this.#o.remaker.manifest(
      d,
      prevLink ?? genesisLink(this.#o.archiveId, this.#scope),
    );
    const batch = { ...whole.batch, description: d };
    return { is: "batch", whole: { manifest, batch }, anew };
  }

  #differs({ name }: Named, start: bigint, text: string): void {
    if (this.#o.repair || this.#o.targets.some((t) => t.name === name)) return;
    this.#report({ code: "different", sink: name, start, text });
  }
}
