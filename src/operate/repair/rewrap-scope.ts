import { type Amendment, makeAmendment } from "../../core/amendment.ts";
import type { Manifest } from "../../core/description.ts";
import { blake3Hex } from "../../core/digest.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import { manifestMacKey } from "../../seal/keys.ts";
import { rewrapped } from "../../seal/age-rewrap.ts";
import { manifestsOfAll } from "../archived-manifests.ts";
import { amendedBatch } from "./amended.ts";
import type { RepairContext } from "./context.ts";
import { GoneData } from "./gone-data.ts";
import type { Held } from "./operator.ts";
import type { RepairProblem, RewrappedPartition } from "./report.ts";
import { type Named, objection, readFile } from "./verified.ts";

export interface RewrapOptions {
  /** Sinks that keep files, the one that decides first. */
  readonly sinks: readonly Named[];
  /** Those that a batch is to have, by those it has. */
  readonly recipients: (now: readonly string[]) => readonly string[];
  readonly identities: readonly Uint8Array[];
  readonly dryRun: boolean;
  readonly onDone: (bytes: number) => void;
}

type Tally = { -readonly [K in keyof RewrappedPartition]: RewrappedPartition[K] };

const MAX_PROBLEMS = 100;

/**
 * New headers for every encrypted file of a partition, in all sinks, with the partition paused. First the
 * amendment everywhere, then the files: so whoever comes later, with or without this run having ended,
 * knows both what was and what is to be.
 */
export async function rewrapScope(
  repair: RepairContext,
  o: RewrapOptions,
  scope: Scope,
): Promise<RewrappedPartition> {
  const tally: Tally = {
    ...scope,
    batches: 0,
    rewrapped: 0,
    there: 0,
    clear: 0,
    bytes: 0,
    problems: [],
  };
  const run = (signal: AbortSignal): ScopeRewrap =>
    new ScopeRewrap(repair, o, scope, tally, signal);
  if (o.dryRun) {
    await run(repair.signal).some(0n, null);
    return tally;
  }
  for (let from: bigint | null = 0n; from !== null;) {
    const start: bigint = from;
    const free = run(repair.signal);
    from = (await free.needed(start))
      ? await repair.paused(scope, (held, signal) => run(signal).some(start, held))
      : await free.some(start, null);
  }
  return tally;
}

class ScopeRewrap {
  readonly #repair: RepairContext;
  readonly #o: RewrapOptions;
  readonly #scope: Scope;
  readonly #tally: Tally;
  /** While the partition is paused: of this pause. */
  readonly #signal: AbortSignal;
  readonly #goneData: GoneData;

  constructor(
    repair: RepairContext,
    o: RewrapOptions,
    scope: Scope,
    tally: Tally,
    signal: AbortSignal,
  ) {
    this.#repair = repair;
    this.#o = o;
    this.#scope = scope;
    this.#goneData = new GoneData(repair, scope);
    this.#tally = tally;
    this.#signal = signal;
  }

  /** Whether there is anything encrypted from there on: else nobody need be paused. */
  async needed(from: bigint): Promise<boolean> {
    for await (const m of this.#manifests(from)) {
      if (m.seal.encryption !== "none" && !(await this.#expired(m))) return true;
    }
    return false;
  }

  /** For as long as a pause may last; answers where to go on, null at the end. `held` null: look only. */
  async some(from: bigint, held: Held | null): Promise<bigint | null> {
    const { clock } = this.#repair;
    const until = clock.now() + this.#repair.pauseMs;
    let looked = false;
    for await (const m of this.#manifests(from)) {
      this.#signal.throwIfAborted();
      if (held !== null && looked && clock.now() >= until) return m.start;
      looked = true;
      if (await this.#expired(m)) continue;
      this.#tally.batches += 1;
      if (m.seal.encryption === "none") this.#tally.clear += 1;
      else await this.#batch(m, held);
      this.#o.onDone(m.seal.size);
    }
    return null;
  }

  #manifests(from: bigint): AsyncGenerator<Manifest> {
    const sinks = this.#o.sinks.map(({ sink }) => sink);
    return manifestsOfAll(sinks, this.#scope, from, this.#signal);
  }

  /** Of which nothing is left anywhere, nor waits to be gone on with. */
  async #expired(m: Manifest): Promise<boolean> {
    if (!(await this.#gone(m))) return false;
    const amendments = await this.#o.sinks[0]?.sink.amendments?.(m, this.#signal);
    return (amendments ?? []).length === 0;
  }

  #gone(m: Manifest): Promise<boolean> {
    return this.#goneData.everywhere(this.#o.sinks, m, this.#signal);
  }

  async #batch(m: Manifest, held: Held | null): Promise<void> {
    try {
      const refused = objection(m, this.#scope, this.#repair);
      if (refused !== null) throw new ArchiverError("manifest-invalid", refused);
      const amendments = await this.#known(m);
      const now = { ...m, seal: { ...m.seal, ...sealOf(amendments.at(-1)) } };
      const recipients = this.#o.recipients(now.seal.recipients);
      const others = !same(recipients, now.seal.recipients);
      if (held === null) {
        if (others && !(await this.#gone(m))) this.#tally.rewrapped += 1;
        else this.#tally.there += 1;
        return;
      }
      // What a run before this one has left half done comes first: the next step begins with its file.
      let replaced = amendments.length > 0 && (await this.#files(m, amendments, held));
      if (others && !(await this.#gone(m))) {
        const next = await this.#amend(m, now, amendments, recipients);
        replaced = await this.#files(m, [...amendments, next], held);
      }
      if (replaced) this.#tally.rewrapped += 1;
      else this.#tally.there += 1;
      if (replaced) this.#tally.bytes += m.seal.size;
    } catch (error) {
      if (!(error instanceof ArchiverError) || !REPORTED.has(error.code)) throw error;
      this.#report({ code: "refused", start: m.start, end: m.end, text: error.message });
    }
  }

  /** Of the sink that has most: one that was restored, or was away, may lack some; none may have others. */
  async #known(m: Manifest): Promise<readonly Amendment[]> {
    const { seeds } = this.#repair;
    let most: readonly Amendment[] = [];
    for (const named of this.#o.sinks) {
      const { amendments } = await amendedBatch(named, m, seeds, this.#signal);
      if (amendments.length > most.length) most = amendments;
    }
    return most;
  }

  async #amend(
    m: Manifest,
    now: Manifest,
    before: readonly Amendment[],
    recipients: readonly string[],
  ): Promise<Amendment> {
    const { seeds, signer } = this.#repair;
    const old = await this.#file(now, this.#signal);
    const to = { recipients, batchId: m.batchId };
    const file = await rewrapped(old, this.#o.identities, to);
    const seed = seeds.find((s) => s.keyId === m.seal.keyId);
    const keys = {
      macKey: seed === undefined ? undefined : manifestMacKey(seed.secret),
      signer: signer ?? undefined,
    };
    const made = { size: file.length, digest: blake3Hex(file), recipients };
    return makeAmendment(m, before, made, keys);
  }

  /** From any sink that has it whole. */
  async #file(now: Manifest, signal: AbortSignal): Promise<Uint8Array> {
    let last: unknown;
    for (const named of this.#o.sinks) {
      try {
        return await readFile(named, now, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ArchiverError)) throw error;
        last = error;
      }
    }
    throw last;
  }

  /** Amendments in every sink, then the file in every sink. True: some file was replaced. */
  async #files(m: Manifest, amendments: readonly Amendment[], held: Held): Promise<boolean> {
    const signal = this.#signal;
    const { sinks, identities } = this.#o;
    for (const { name, sink } of sinks) {
      const there = (await sink.amendments?.(m, signal)) ?? [];
      for (const a of amendments.slice(there.length)) {
        if ((await sink.amend?.(m, a, signal)) !== "equal") {
          const text = `sink ${name} has another amendment ${a.number} of ${m.batchId}`;
          throw new ArchiverError("sink-conflict", text);
        }
      }
    }
    const recipients = amendments.at(-1)?.recipients ?? [];
    const make = (old: Uint8Array): Promise<Uint8Array> =>
      rewrapped(old, identities, { recipients, batchId: m.batchId });
    let replaced = false;
    let failed: ArchiverError | undefined;
    for (const named of sinks) {
      held.check();
      try {
        const done = await named.sink.rewrap?.(m, make, signal);
        if (done === "replaced") replaced = true;
        if (done !== "gone" || (await this.#goneData.from(named, m, signal))) continue;
        const text = `${m.seal.path} is gone, here and in quarantine/; reconcile brings it back`;
        throw new ArchiverError("sink-permanent", text);
      } catch (error) {
        // Where one sink's file is damaged the others are rewrapped: from one of them it is repaired.
        if (!(error instanceof ArchiverError) || !REPORTED.has(error.code)) throw error;
        failed ??= new ArchiverError(error.code, `sink ${named.name}: ${error.message}`);
      }
    }
    if (failed !== undefined) throw failed;
    return replaced;
  }

  #report(problem: RepairProblem): void {
    if (this.#tally.problems.length < MAX_PROBLEMS) this.#tally.problems.push(problem);
  }
}

/** What is said of one batch, while the others are gone on with. */
const REPORTED = new Set<string>([
  "sink-permanent",
  "sink-conflict",
  "sealed-invalid",
  "manifest-invalid",
]);

const sealOf = (a: Amendment | undefined): Partial<Manifest["seal"]> =>
  a === undefined ? {} : { size: a.size, digest: a.digest, recipients: a.recipients };

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((r, i) => r === b[i]);
