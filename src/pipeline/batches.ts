import { assert } from "../core/assert.ts";
import type { Cut } from "../core/cut.ts";
import type { Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import type { ChainHead } from "../core/plan-codec.ts";
import type { Plan } from "../core/plan.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { payloadRecords } from "../record-batch/payload-records.ts";
import type { SealedBatch } from "../sdk/sink.ts";
import { manifestFound, manifestOf } from "./deliver-batch.ts";
import type { Effect, Result } from "./effect.ts";
import type { Links } from "./links.ts";
import { markOf, planOf } from "./marks.ts";
import type { TaskPorts } from "./ports.ts";
import type { Slot } from "./state.ts";
import { take, type TakenBatch } from "./take.ts";

interface Held {
  readonly batch: TakenBatch;
  readonly plan: Plan;
  readonly since: number;
  /** Reserved in the budget for everything that is held. */
  readonly reservedBytes: number;
  /** Lets the raw bytes go, where records are read from them. */
  readonly free: (() => void) | null;
  /** It lay in a sink. */
  readonly taken: boolean;
  manifest: Manifest | null;
  /** Every sink answered that it has the batch. */
  confirmed: boolean;
}

/** The newest batch that every sink confirmed to this task. */
interface LastBatch {
  readonly start: bigint;
  readonly end: bigint;
  readonly records: bigint;
  readonly path: string;
  readonly size: number;
  readonly maxTimestamp: bigint | null;
}

/** The sealed batches of a task's slots, and the memory they hold. */
export class Batches {
  readonly #ports: TaskPorts;
  readonly #links: Links;
  readonly #held = new Map<number, Held>();
  /** Builds past the cut: they hold memory, though nothing is sealed yet. */
  #sealing = 0;

  constructor(ports: TaskPorts, links: Links) {
    this.#ports = ports;
    this.#links = links;
  }

  last: LastBatch | null = null;

  get size(): number {
    return this.#held.size + this.#sealing;
  }

  /** Age of the oldest record in a batch that is at hand and not confirmed; null: there is none. */
  waitingMs(): number | null {
    const { clock } = this.#ports;
    let oldest: number | null = null;
    for (const { batch, since, confirmed } of this.#held.values()) {
      if (confirmed) continue;
      const ms = clock.wall() - Number(batch.description.minTimestamp ?? 0n);
      // A producer may write any time into a record; none, or one to come, says nothing.
      const sane = (batch.description.minTimestamp ?? 0n) > 0n && ms >= 0;
      oldest = Math.max(oldest ?? 0, sane ? ms : clock.now() - since);
    }
    return oldest;
  }

  batch(slot: number): TakenBatch {
    const held = this.#held.get(slot);
    assert(held !== undefined, "a ready slot has its bytes at hand");
    return held.batch;
  }

  plan(slot: number): Plan | null {
    return this.#held.get(slot)?.plan ?? null;
  }

  /** Frees what belongs to slots that are gone: committed, dropped or revoked. */
  keepOnly(slots: readonly Slot[]): void {
    for (const [id, held] of this.#held) {
      if (slots.some((s) => s.id === id)) continue;
      this.#held.delete(id);
      held.free?.();
      this.#ports.budget.release(held.reservedBytes);
      // Dropped batches may still be read by a write that was given up: only confirmed ones are re-used.
      if (held.confirmed) this.#ports.sealer.recycle(held.batch.bytes);
    }
  }

  confirmed(slot: number): void {
    const held = this.#held.get(slot);
    if (held === undefined) return;
    held.confirmed = true;
    const ms = this.#ports.clock.now() - held.since;
    const { description } = held.batch;
    const { start, end, records, maxTimestamp } = description;
    const { path, size } = description.seal;
    this.last = { start, end, records, path, size, maxTimestamp };
    this.#ports.emit({ what: "confirmed", batch: description, ms });
    const link = held.manifest?.link;
    if (link !== undefined) this.#ports.emit({ what: "head", end, link });
  }

  async manifest(slot: number, signal: AbortSignal): Promise<Manifest> {
    const held = this.#held.get(slot);
    assert(held !== undefined, "a slot to describe has its batch at hand");
    const find = held.taken ? manifestFound : manifestOf;
    held.manifest ??= await find(this.#ports, this.#links, held.batch, signal);
    return held.manifest;
  }

  /** Assembles and seals; what a plan says is made again, or is a new candidate (rule 9). */
  async build(
    effect: Extract<Effect, { do: "build" }>,
    { plan, chain }: { readonly plan: Plan | null; readonly chain: ChainHead | null },
    onCut: (end: bigint) => void,
    signal: AbortSignal,
  ): Promise<Result> {
    const { start, limit, slot } = effect;
    let cut: Cut;
    try {
      const [exactEnd, epoch] = [effect.exact?.end ?? null, this.#links.epochAt(start)];
      // The group committed beyond the newest batch: there are markers only, which Kafka may drop.
      const committed = chain?.offset === start ? limit : null;
      const barren = (effect.barren ?? -1n) > (committed ?? -1n) ? effect.barren : committed;
      cut = await this.#ports.build({ start, exactEnd, limit, epoch, barren }, signal);
    } catch (error) {
      if (!(error instanceof ArchiverError) || error.code !== "offset-out-of-range") throw error;
      return { of: "gone", slot, text: error.message };
    }
    this.#sealing += 1;
    let reserved = cut.reservedBytes;
    let keepsRaw = false;
    try {
      onCut(cut.end);
      const sealed = await this.#seal(cut, plan, signal);
      signal.throwIfAborted();
      keepsRaw = this.#ports.records !== null;
      if (keepsRaw) this.#holdRaw(slot, cut, sealed, reserved);
      else this.#hold(slot, { ...sealed, reserved, free: null, neededBytes: 0 });
      reserved = 0;
      const { description } = sealed.batch;
      return { of: "build", slot, end: description.end, mark: markOf(description.content) };
    } finally {
      this.#sealing -= 1;
      if (!keepsRaw) cut.release();
      if (reserved > 0) this.#ports.budget.release(reserved);
    }
  }

  async take(
    effect: Extract<Effect, { do: "take" }>,
    plan: Plan | null,
    signal: AbortSignal,
  ): Promise<Result> {
    const batch = await take(this.#ports, effect.sink, effect.start, plan, signal);
    signal.throwIfAborted();
    const { description } = batch;
    this.#ports.emit({ what: "adopted", start: description.start, end: description.end });
    // Who reads records of a stored file has its whole content in memory.
    const neededBytes = batch.records === undefined ? 0 : description.seal.contentSize;
    const made = { batch, plan: planOf(description, 0, null) };
    this.#hold(effect.slot, { ...made, reserved: 0, free: null, neededBytes, taken: true });
    return {
      of: "take",
      slot: effect.slot,
      end: description.end,
      mark: markOf(description.content),
    };
  }

  /** For sinks of records: the cut's own bytes stay until the batch is committed or dropped. */
  #holdRaw(
    slot: number,
    cut: Cut,
    { batch, plan }: { batch: SealedBatch; plan: Plan },
    reserved: number,
  ): void {
    let freed = false;
    const free = (): void => {
      freed = true;
      cut.release();
    };
    async function* records(signal: AbortSignal): AsyncGenerator<readonly ArchivedRecord[]> {
      const decoded = payloadRecords(cut.payload);
      for (;;) {
        signal.throwIfAborted();
        // The blocks may belong to another batch by now.
        if (freed) throw new ArchiverError("interrupted", "the batch was dropped");
        const next = decoded.next();
        if (next.done === true) return;
        yield next.value;
      }
    }
    const neededBytes = cut.payload.length;
    this.#hold(slot, { batch: { ...batch, records }, plan, reserved, free, neededBytes });
  }

  /** What is held takes over what the cut had reserved; `neededBytes`: beside the sealed bytes. */
  #hold(
    slot: number,
    made: {
      readonly batch: TakenBatch;
      readonly plan: Plan;
      readonly reserved: number;
      readonly free: Held["free"];
      readonly neededBytes: number;
      readonly taken?: boolean;
    },
  ): void {
    const { batch, plan, reserved, free, neededBytes } = made;
    const reservedBytes = batch.bytes.length + neededBytes;
    const more = reservedBytes - reserved;
    if (more > 0) this.#ports.budget.force(more);
    else this.#ports.budget.release(-more);
    const since = this.#ports.clock.now();
    const { taken = false } = made;
    const empty = { manifest: null, confirmed: false };
    const held: Held = { batch, plan, since, reservedBytes, free, taken, ...empty };
    this.#held.set(slot, held);
  }

  async #seal(
    cut: Cut,
    plan: Plan | null,
    signal: AbortSignal,
  ): Promise<{ batch: SealedBatch; plan: Plan }> {
    const { sealer, clock } = this.#ports;
    const began = clock.now();
    let recipe = this.#ports.recipe(plan, plan?.revision ?? 0);
    let batch = await sealer.seal(cut, recipe, signal);
    const { content, end } = batch.description;
    if (plan !== null && (markOf(content) !== markOf(plan.content) || end !== plan.end)) {
      // Kafka no longer has what was planned, or it is made with other keys: a new candidate.
      recipe = this.#ports.recipe(null, plan.revision + 1);
      batch = await sealer.seal(cut, recipe, signal);
      this.#ports.emit({ what: "revised", start: cut.start, revision: recipe.revision });
    }
    const { description } = batch;
    const ms = clock.now() - began;
    const rawBytes = cut.payload.length;
    this.#ports.emit({ what: "sealed", batch: description, ms, rawBytes, reason: cut.reason });
    const salt = recipe.encryption?.salt ?? null;
    return { batch, plan: planOf(description, recipe.level, salt) };
  }
}
