import { Feed } from "../batch/feed.ts";
import type { BlockPool } from "../batch/block-buffer.ts";
import type { BatchPolicy } from "../batch/policy.ts";
import type { Turns } from "../batch/turns.ts";
import type { Budget } from "../core/budget.ts";
import type { Skip } from "../core/description.ts";
import type { ArchiverError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import { type Scope, scopeText } from "../core/scope.ts";
import type { Demand, FetchedPartition, FetchWant } from "../kafka/fetcher.ts";
import type { Lease } from "../kafka/lease.ts";
import { recordBatches } from "../record-batch/header.ts";
import { PartitionTask } from "../pipeline/task.ts";
import type { TaskPorts } from "../pipeline/ports.ts";
import type { Task } from "../pipeline/state.ts";

/** One partition of this member: its stream and its task. */
export interface Partition {
  readonly scope: Scope;
  readonly feed: Feed;
  readonly task: PartitionTask;
  /** As the last fetch or poll saw it. */
  endOffset: bigint | null;
  /** Offsets behind the last stable one: they can be read when the transactions that are open have ended. */
  unstable: bigint;
  logStart: bigint | null;
}

export interface PartitionsOptions {
  readonly policy: BatchPolicy;
  readonly budget: Budget;
  readonly turns: Turns;
  readonly pool: BlockPool;
  readonly clock: Clock;
  readonly maxFetchBytes: number;
  readonly wakeFetcher: () => void;
  readonly onFetched: (topic: string, bytes: number) => void;
  readonly onFetchFailed: (broker: number, error: ArchiverError) => void;
  readonly onGivenUp: (text: string) => void;
  /** Kafka does not have the offset that was asked for; `refuse` is the answer to that. */
  readonly onOutOfRange: (scope: Scope, offset: bigint) => void;
  /** Where a partition's log is taken to end, whatever comes after it; null: where it ends. */
  readonly endsAt: (topic: string, partition: number) => bigint | null;
  /** Everything a task needs but its stream. */
  readonly portsOf: (scope: Scope) => Omit<TaskPorts, "scope" | "build">;
}

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** The partitions this member owns: what they want fetched, and who gets what came. */
export class Partitions implements Demand {
  readonly #o: PartitionsOptions;
  readonly #owned = new Map<string, Partition>();
  readonly #skips = new Map<string, Skip>();

  constructor(options: PartitionsOptions) {
    this.#o = options;
  }

  [Symbol.iterator](): IterableIterator<Partition> {
    return this.#owned.values();
  }

  has(topic: string, partition: number): boolean {
    return this.#owned.has(keyOf(topic, partition));
  }

  at(topic: string, partition: number): Partition | undefined {
    return this.#owned.get(keyOf(topic, partition));
  }

  get size(): number {
    return this.#owned.size;
  }

  begin(scope: Scope, lease: Lease): void {
    const { policy, budget, turns, pool, clock, maxFetchBytes, wakeFetcher } = this.#o;
    const feed: Feed = new Feed({
      scope,
      policy,
      budget,
      turns,
      pool,
      maxFetchBytes,
      now: () => clock.now(),
      skip: () => this.#skips.get(keyOf(scope.topic, scope.partition)) ?? null,
      onGivenUp: (from, to, text) =>
        this.#o.onGivenUp(`${scopeText(scope)}: offsets ${from} to ${to} are given up: ${text}`),
      inFlight: () => task.inFlight(),
      onTail: (offset) => task.dispatch({ of: "tail", offset }),
      onWant: wakeFetcher,
    });
    const build: TaskPorts["build"] = (request, signal) => feed.build(request, signal);
    const task: PartitionTask = new PartitionTask(
      { ...this.#o.portsOf(scope), scope, build },
      lease,
    );
    this.#owned.set(keyOf(scope.topic, scope.partition), {
      scope,
      feed,
      task,
      endOffset: null,
      unstable: 0n,
      logStart: null,
    });
    task.start();
  }

  renew(lease: Lease): void {
    for (const p of this.#owned.values()) p.task.renew(lease);
  }

  /** Ends the task; what it had planned stays planned, what it had buffered is dropped. */
  end(topic: string, partition: number): void {
    const key = keyOf(topic, partition);
    const p = this.#owned.get(key);
    if (p === undefined) return;
    this.#owned.delete(key);
    p.task.dispatch({ of: "revoked" });
    p.feed.close();
  }

  endAll(): void {
    for (const { scope } of [...this.#owned.values()]) this.end(scope.topic, scope.partition);
  }

  *wants(): Generator<FetchWant> {
    for (const { scope, feed } of this.#owned.values()) {
      const want = feed.want();
      const end = this.#o.endsAt(scope.topic, scope.partition);
      if (want !== null && (end === null || want.offset < end))
        yield { topic: scope.topic, partition: scope.partition, ...want };
    }
  }

  deliver(f: FetchedPartition): void {
    const p = this.#owned.get(keyOf(f.topic, f.partition));
    if (p === undefined) return;
    if (f.error !== undefined) {
      if (f.error.kafkaCode === "OFFSET_OUT_OF_RANGE") this.#o.onOutOfRange(p.scope, f.offset);
      else if (f.error.code === "log-changed") p.feed.refuse(f.offset, f.error);
      return;
    }
    if (f.records.length > 0) this.#o.onFetched(f.topic, f.records.length);
    const taken = upTo(f, this.#o.endsAt(f.topic, f.partition));
    p.endOffset = taken.lastStableOffset;
    p.unstable = f.highWatermark - f.lastStableOffset;
    p.logStart = f.logStartOffset;
    p.feed.offer(taken);
  }

  failed(broker: number, error: ArchiverError): void {
    this.#o.onFetchFailed(broker, error);
  }

  /** The batch that is being filled cannot go on from this offset. */
  refuse({ topic, partition }: Scope, offset: bigint, error: ArchiverError): void {
    this.#owned.get(keyOf(topic, partition))?.feed.refuse(offset, error);
  }

  /** The topic has another id now. `sinks`: their names, the primary first. */
  recreated(
    { topic, topicId }: { readonly topic: string; readonly topicId: string },
    was: string,
    sinks: readonly string[],
  ): void {
    const said = `topic ${topic} was deleted and created again: its id was ${was} and is ${topicId}`;
    for (const { scope, task } of this.#owned.values()) {
      if (scope.topic !== topic) continue;
      const text = `${said}${leftBehind(task.state, sinks)}`;
      task.dispatch({ of: "alarm", code: "topic-recreated", text });
    }
  }

  /** What cannot be had of this partition below `to` is given up from now on; null: no longer. */
  skip({ topic, partition }: Scope, skip: Skip | null): void {
    if (skip === null) this.#skips.delete(keyOf(topic, partition));
    else this.#skips.set(keyOf(topic, partition), skip);
  }

  /** The committed offset as the partition's task knows it. */
  committed({ topic, partition }: Scope): bigint | null {
    return this.#owned.get(keyOf(topic, partition))?.task.state.committed?.offset ?? null;
  }

  sawEnd(topic: string, partition: number, end: bigint): void {
    const p = this.#owned.get(keyOf(topic, partition));
    if (p === undefined) return;
    const most = this.#o.endsAt(topic, partition);
    p.endOffset = most !== null && most < end ? most : end;
    p.feed.sawEnd(p.endOffset, this.#o.clock.now());
  }

  tick(): void {
    const now = this.#o.clock.now();
    for (const { feed } of this.#owned.values()) feed.tick(now);
    this.#o.turns.grant();
  }
}

/** What sinks lack of what the primary has: nobody works on this topic any more. */
const leftBehind = ({ behind, slots }: Task, sinks: readonly string[]): string =>
  sinks
    .map((name, i) => {
      const lacks = slots.find((s) => s.steps[0] === "whole" && s.steps[i] !== "whole");
      const from = behind[i] ?? lacks?.start;
      if (i === 0 || from === undefined) return "";
      const command = `reconcile --source ${sinks[0]} --target ${name}`;
      return `; sink ${name} lacks what came from offset ${from} on, which only \`${command}\` brings`;
    })
    .join("");

/** What a fetch brought of a log that ends there: whole record batches, as one is never split. */
function upTo(f: FetchedPartition, end: bigint | null): FetchedPartition {
  if (end === null || f.lastStableOffset <= end) return f;
  let bytes = 0;
  for (const { header } of recordBatches(f.records)) {
    if (header.baseOffset >= end) break;
    bytes = header.position + header.sizeBytes;
  }
  return { ...f, records: f.records.subarray(0, bytes), lastStableOffset: end };
}
