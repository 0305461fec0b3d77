import { assert } from "../core/assert.ts";
import type { Cut } from "../core/cut.ts";
import type { Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Plan } from "../core/plan.ts";
import type { SealedBatch } from "../sdk/sink.ts";
import { manifestOf, take } from "./deliver-batch.ts";
import type { Effect, Result } from "./effect.ts";
import type { Links } from "./links.ts";
import { markOf, planOf } from "./marks.ts";
import type { TaskPorts } from "./ports.ts";
import type { Slot } from "./state.ts";

interface Held {
  readonly batch: SealedBatch;
  readonly plan: Plan;
  readonly since: number;
  manifest: Manifest | null;
  /** Every sink answered that it has the batch. */
  confirmed: boolean;
}

/** The newest batch that every sink confirmed to this task. */
export interface LastBatch {
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

  batch(slot: number): SealedBatch {
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
      this.#ports.budget.release(held.batch.bytes.length);
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
  }

  async manifest(slot: number, signal: AbortSignal): Promise<Manifest> {
    const held = this.#held.get(slot);
    assert(held !== undefined, "a slot to describe has its batch at hand");
    held.manifest ??= await manifestOf(this.#ports, this.#links, held.batch, signal);
    return held.manifest;
  }

  /** Assembles and seals; what a plan says is made again, or is a new candidate (rule 9). */
  async build(
    effect: Extract<Effect, { do: "build" }>,
    plan: Plan | null,
    onCut: (end: bigint) => void,
    signal: AbortSignal,
  ): Promise<Result> {
    const { start, limit, slot } = effect;
    let cut: Cut;
    try {
      cut = await this.#ports.build({ start, exactEnd: effect.exact?.end ?? null, limit }, signal);
    } catch (error) {
      if (!(error instanceof ArchiverError) || error.code !== "offset-out-of-range") throw error;
      return { of: "gone", slot, text: error.message };
    }
    this.#sealing += 1;
    let reserved = cut.reservedBytes;
    try {
      onCut(cut.end);
      const sealed = await this.#seal(cut, plan, signal);
      signal.throwIfAborted();
      this.#hold(slot, sealed.batch, sealed.plan, reserved);
      reserved = 0;
      const { description } = sealed.batch;
      return { of: "build", slot, end: description.end, mark: markOf(description.content) };
    } finally {
      this.#sealing -= 1;
      cut.release();
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
    this.#hold(effect.slot, batch, planOf(description, 0, null), 0);
    return {
      of: "take",
      slot: effect.slot,
      end: description.end,
      mark: markOf(description.content),
    };
  }

  /** The sealed bytes take over what the cut had reserved. */
  #hold(slot: number, batch: SealedBatch, plan: Plan, reserved: number): void {
    const more = batch.bytes.length - reserved;
    if (more > 0) this.#ports.budget.force(more);
    else this.#ports.budget.release(-more);
    this.#held.set(slot, {
      batch,
      plan,
      since: this.#ports.clock.now(),
      manifest: null,
      confirmed: false,
    });
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
