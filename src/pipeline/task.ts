import { assert } from "../core/assert.ts";
import { ArchiverError, isWaitedFor } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";
import { type ChainHead, encodePlans } from "../core/plan-codec.ts";
import type { Plan } from "../core/plan.ts";
import { scopeText } from "../core/scope.ts";
import type { Lease } from "../kafka/lease.ts";
import { alarmOf, readBy } from "./alarm.ts";
import { apply, sending } from "./apply.ts";
import { askHead } from "./ask-head.ts";
import { behindOf, CatchUps, marksOf, recall } from "./away.ts";
import { Batches } from "./batches.ts";
import { describe, publish, sinkAt, VanishedError } from "./deliver-batch.ts";
import { type Effect, effectKey, type Event, type Result } from "./effect.ts";
import { KnownPlans } from "./known-plans.ts";
import { Links } from "./links.ts";
import { chainAt, isOfAnotherTopic, lookAt, readCommitted, refuseEmptied } from "./locate.ts";
import type { TaskPorts } from "./ports.ts";
import { recheck } from "./recheck.ts";
import { begin, isConfirmed, type PlanMark, type Task } from "./state.ts";
import { wanted } from "./wanted.ts";

/** Pauses between tries of an effect that failed for a passing reason, milliseconds. */
const BACKOFF_MS = { first: 100, most: 15_000 };

/**
 * One partition under one assignment: performs what the state table wants and tells it what came of
 * it. All decisions are in the table; this only starts, aborts and retries.
 */
export class PartitionTask {
  readonly ended: Promise<void>;
  readonly #ports: TaskPorts;
  readonly #links: Links;
  readonly #batches: Batches;
  readonly #catchUps: CatchUps;
  readonly #running = new Map<string, AbortController>();
  readonly #tries = new Map<string, number>();
  readonly #plans = new KnownPlans();
  /** The head of the chain as it was committed: the sinks held a batch that ended there. */
  #chain: ChainHead | null = null;
  #task: Task;
  #lease: Lease;
  #pumping = false;
  #over = false;
  #end!: () => void;

  constructor(ports: TaskPorts, lease: Lease) {
    this.#ports = ports;
    this.#lease = lease;
    this.#links = new Links(ports);
    this.#batches = new Batches(ports, this.#links);
    this.#catchUps = new CatchUps({
      ...{ task: ports, links: this.#links, state: () => this.#task },
      dispatch: (event) => this.dispatch(event),
    });
    this.#task = begin(ports.sinks.length, ports.depth);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get state(): Task {
    return this.#task;
  }

  get batches(): Pick<Batches, "size" | "last" | "waitingMs"> {
    return this.#batches;
  }

  /** Batches that hold memory. */
  inFlight(): number {
    return this.#batches.size;
  }

  start(): void {
    const { sinks, heldAway } = this.#ports;
    // A sink that was never reached may be another archive's.
    for (const [sink, { claim }] of sinks.entries()) {
      const held = heldAway(sink);
      if (!claim.done || held) this.dispatch({ of: "detach", sink, held });
    }
    this.#pump();
  }

  /** The group has a new generation and this member kept the partition. */
  renew(lease: Lease): void {
    this.#lease = lease;
    this.dispatch({ of: "renew" });
  }

  dispatch(event: Event): void {
    const before = this.#task;
    const after = apply(before, event);
    this.#task = after;
    if (after.stop !== null && before.stop === null) {
      this.#ports.emit({ what: "stopped", ...after.stop });
    }
    this.#batches.keepOnly(after.slots);
    for (const slot of after.slots) {
      const was = before.slots.find((s) => s.id === slot.id);
      if (isConfirmed(after, slot) && was !== undefined && !isConfirmed(before, was))
        this.#batches.confirmed(slot.id);
    }
    this.#pump();
    this.#catchUps.follow(before, after);
  }

  /** While idle: is the newest batch still whole in every sink (rule 7), and does the group know? */
  async recheck(signal: AbortSignal): Promise<void> {
    const found = await recheck(this.#ports, this.#links, () => this.#task, signal);
    if (found !== null) this.dispatch({ of: found });
  }

  /** Starts what is wanted and not under way, aborts what is under way and no longer wanted. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      const effects = wanted(this.#task);
      const keys = new Set(effects.map(effectKey));
      for (const [key, controller] of this.#running) {
        // A commit that was sent has an outcome, wanted or not; only the lease's end stops it.
        if (keys.has(key) || (key === "commit" && this.#task.phase !== "ended")) continue;
        this.#running.delete(key);
        controller.abort(new ArchiverError("interrupted", `${key} is no longer wanted`));
      }
      for (const effect of effects) if (!this.#running.has(effectKey(effect))) this.#start(effect);
    } finally {
      this.#pumping = false;
    }
    if (this.#task.phase === "ended" && this.#running.size === 0 && !this.#over) {
      this.#over = true;
      this.#ports.emit({ what: "ended" });
      this.#end();
    }
  }

  #start(effect: Effect): void {
    const key = effectKey(effect);
    const controller = new AbortController();
    this.#running.set(key, controller);
    if (effect.do === "commit") this.#task = sending(this.#task, effect.value);
    // The lease that counts is the one at this moment: a renewal may come before the effect begins.
    void this.#perform(effect, key, controller, this.#lease);
  }

  /** Never rejects: every outcome becomes an event, and what cannot be one ends the partition loudly. */
  async #perform(
    effect: Effect,
    key: string,
    controller: AbortController,
    lease: Lease,
  ): Promise<void> {
    const { signal } = controller;
    let event: Event | null = null;
    try {
      // The table is asked again only after the current event was taken in whole.
      await Promise.resolve();
      event = await this.#effect(effect, lease, signal);
      this.#tries.delete(key);
    } catch (error) {
      if (signal.aborted) event = null;
      else if (isWaitedFor(error)) {
        await this.#pause(key, error, signal);
        // A batch that was found and is gone: what the sinks hold has to be looked at again.
        if (effect.do === "take" && error instanceof VanishedError) event = { of: "lost-batch" };
      } else event = alarmOf(error, readBy(this.#ports, effect));
    }
    // An effect that was aborted has no say any more; the same key may be under way again.
    if (this.#running.get(key) !== controller) return;
    this.#running.delete(key);
    if (event === null) this.#pump();
    else this.dispatch(event);
  }

  async #pause(key: string, error: unknown, signal: AbortSignal): Promise<void> {
    const tries = (this.#tries.get(key) ?? 0) + 1;
    this.#tries.set(key, tries);
    const most = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(tries, 20));
    this.#ports.emit({ what: "retry", effect: key, error: messageOf(error) });
    const ms = most * (0.5 + this.#ports.random.unit() / 2);
    await this.#ports.clock.sleep(ms, signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }

  #effect(effect: Effect, lease: Lease, signal: AbortSignal): Promise<Event | null> {
    const ports = this.#ports;
    switch (effect.do) {
      case "read-committed":
        return this.#read(effect.round, signal);
      case "head":
        return askHead(ports, effect, { links: this.#links, chain: this.#chain }, signal);
      case "resolve-start":
        return this.#resolveStart(effect.committed, signal);
      case "look":
        return lookAt(ports, sinkAt(ports, effect.sink), effect.at, signal).then(
          (look): Result => ({ of: "look", sink: effect.sink, at: effect.at, look }),
        );
      case "recall":
        return Promise.resolve(recall(this.#task, ports));
      case "build":
        return this.#batches.build(
          effect,
          { plan: this.#plans.of(effect.exact), chain: this.#chain },
          (end) => this.dispatch({ of: "cut", slot: effect.slot, end }),
          signal,
        );
      case "take":
        return this.#batches.take(effect, this.#plans.at(effect.start), signal);
      case "commit":
        return this.#commit(effect, lease, signal);
      case "publish":
        return publish(ports, effect.slot, effect.sink, this.#batches.batch(effect.slot), signal);
      case "describe":
        return this.#batches
          .manifest(effect.slot, signal)
          .then((m) => describe(ports, effect, m, this.#batches.batch(effect.slot), signal));
    }
  }

  async #read(round: number, signal: AbortSignal): Promise<Result> {
    const found = await readCommitted(this.#ports, signal);
    this.#plans.saw(found.plans);
    this.#chain = found.chain;
    const { committed, behind } = found;
    const archivedTo = found.chain?.offset ?? null;
    const marks = behindOf(behind, this.#ports);
    return { of: "read-committed", round, committed, behind: marks, archivedTo };
  }

  async #resolveStart(committed: bigint | null, signal: AbortSignal): Promise<Result> {
    const { log, scope } = this.#ports;
    if (await isOfAnotherTopic(this.#ports, this.#chain, signal)) {
      this.#chain = null;
      const none = { offset: null, plans: [] };
      return { of: "read-committed", round: this.#task.round, committed: none };
    }
    refuseEmptied(scope, this.#chain);
    const offset = committed ?? (await log.startOffset(signal));
    return { of: "resolve-start", offset: await log.align(offset, signal) };
  }

  /** Sends one value under one lease until the coordinator answers; never under another lease. */
  async #commit(
    effect: Extract<Effect, { do: "commit" }>,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<Event | null> {
    const { value, why } = effect;
    const { scope, offsets, failpoint } = this.#ports;
    assert(value.offset !== null, "a commit has an offset");
    const fresh = value.plans.some((p) =>
      this.#task.slots.some((s) => s.start === p.start && !s.planned),
    );
    const plans = value.plans.map((p) => this.#planOf(p));
    // The chain's head: the newest batch that every sink has when this commit is taken.
    const head = why === "offset" ? value.offset : this.#task.position;
    const chain = chainAt(head, this.#links, this.#chain);
    const metadata = encodePlans({ plans, chain, behind: marksOf(this.#task, this.#ports) });
    const { topic, partition } = scope;
    const entry = { topic, partition, offset: value.offset, metadata };
    if (fresh) failpoint("before-plan");
    if (why === "offset") failpoint("before-commit");
    for (;;) {
      try {
        await offsets.commit(lease, entry, signal);
        break;
      } catch (error) {
        if (signal.aborted || this.#lease !== lease) return null;
        if (error instanceof ArchiverError && error.code === "fenced") return { of: "fenced" };
        if (!isWaitedFor(error)) throw error;
        await this.#pause("commit", error, signal);
        // Whoever goes on where this task stopped, as in the next branch, commits after it, not before.
        const over = signal.aborted || this.#task.phase === "stopped";
        if (over || this.#lease !== lease) return null;
      }
    }
    if (fresh) failpoint("after-plan");
    if (why === "offset") failpoint("after-commit");
    // After a renewal the offset is read back; this answer then says nothing new.
    if (this.#lease !== lease || this.#task.sent !== value) return null;
    this.#plans.saw(plans);
    this.#chain = chain;
    this.#ports.emit({ what: "committed", offset: value.offset, why });
    return { of: "commit", value };
  }

  /** The plan behind a mark: of a batch at hand, or as it was committed. */
  #planOf(mark: PlanMark): Plan {
    const slot = this.#task.slots.find((s) => s.start === mark.start && s.mark === mark.mark);
    const plan = (slot && this.#batches.plan(slot.id)) ?? this.#plans.of(mark);
    assert(
      plan !== null,
      `${scopeText(this.#ports.scope)}: a plan to commit at ${mark.start} is known`,
    );
    return plan;
  }
}
