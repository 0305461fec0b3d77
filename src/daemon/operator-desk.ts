import {
  type OperatorAnswer,
  type OperatorRequest,
  answerGroup,
  decodeRequests,
  encodeAnswers,
  requestGroup,
} from "../core/operator-requests.ts";
import type { Clock } from "../core/ports.ts";
import type { Scope } from "../core/scope.ts";
import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import type { Log } from "../kafka/client/options.ts";
import { kafkaError, KafkaError } from "../kafka/kafka-error.ts";
import type { Lease } from "../kafka/lease.ts";
import { readCommittedOffsets } from "../kafka/offset-commits.ts";
import type { Task } from "../pipeline/state.ts";
import { offsetCommit, type TopicPartition } from "../kafka/requests/offsets.ts";
import type { Partition, Partitions } from "./partitions.ts";

/** What is asked other than a pause: performed for a partition that is owned, and answered; null: it is paused. */
export type PerformRequest = (
  request: Exclude<OperatorRequest, { do: "pause" }>,
  partition: Partition | null,
  signal: AbortSignal,
) => Promise<Omit<OperatorAnswer, "id">>;

export interface DeskPorts {
  readonly client: KafkaClient;
  readonly group: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly partitions: Partitions;
  /** As Kafka says it now; `_` where it does not. */
  readonly topicId: (topic: string) => string;
  readonly lease: () => Lease | null;
  /** Begins tasks of owned partitions that have none and that nobody wants paused. */
  readonly begin: (lease: Lease) => Promise<void>;
  readonly perform: PerformRequest;
}

/** A partition that is owned and not worked on. */
export interface PausedPartition {
  readonly scope: Scope;
  readonly by: string;
  readonly committed: bigint | null;
}

interface Seen {
  readonly requests: readonly OperatorRequest[];
  /** When the pause of this id and beat was first seen. */
  readonly since: ReadonlyMap<string, number>;
}

interface Pausing {
  readonly since: number;
  paused: PausedPartition;
  /** `ended`: nothing of the task is under way any more. */
  is: "draining" | "ending" | "ended";
}

const READ_MS = 3_000;
/** What is on its way is delivered first; a sink that is away is not waited for. */
const DRAIN_MS = 20_000;

const isEmpty = (t: Task): boolean => t.slots.length === 0 && t.sent === null;
const keyOf = (p: TopicPartition): string => `${p.topic}/${p.partition}`;

/**
 * Where operators' requests come in: read every few seconds and before any task begins, so that a new
 * owner pauses as well. A partition that is to be paused is drained, its task ended, and only then the
 * answer is `done`. Nothing here moves an offset.
 */
export class OperatorDesk {
  readonly #p: DeskPorts;
  #seen = new Map<string, Seen>();
  readonly #pausing = new Map<string, Pausing>();
  /** Partitions whose task did not begin, because a pause was asked for. */
  readonly #heldBack = new Set<string>();
  /** By request id: what was performed, and what came of it. */
  readonly #answered = new Map<string, OperatorAnswer>();
  #readAt = -Infinity;
  #ended = false;
  #refused = false;

  constructor(ports: DeskPorts) {
    this.#p = ports;
  }

  /** What is paused now, for the status. */
  get paused(): readonly PausedPartition[] {
    return [...this.#pausing.values()].filter((p) => p.is === "ended").map((p) => p.paused);
  }

  /** Asked before a task begins: somebody wants the partition left alone, as last read. */
  holdsBack(at: TopicPartition): boolean {
    const holds = this.#pauses(keyOf(at)).length > 0;
    if (holds) this.#heldBack.add(keyOf(at));
    return holds;
  }

  /** An operator wants the sink not waited for, as last read. */
  holdsAway(at: TopicPartition, sink: string): boolean {
    const requests = this.#seen.get(keyOf(at))?.requests ?? [];
    return requests.some((r) => r.do === "detach" && r.sink === sink);
  }

  /** Before tasks begin, and every few seconds. Rejects when Kafka does not answer. */
  async read(signal: AbortSignal): Promise<void> {
    const { client, group, clock, log } = this.#p;
    const now = clock.now();
    let found: Awaited<ReturnType<typeof readCommittedOffsets>> = [];
    try {
      found = await readCommittedOffsets(client, requestGroup(group), null, signal);
      this.#refused = false;
    } catch (error) {
      // Without the right to read the group nobody can ask anything, and archiving goes on.
      if (!(error instanceof KafkaError) || error.code !== "kafka-auth") throw error;
      if (!this.#refused) {
        const fields = { group: requestGroup(group), error: error.message };
        log.warn(
          fields,
          "operators' requests cannot be read; their commands will not pause anything",
        );
      }
      this.#refused = true;
    }
    const seen = new Map<string, Seen>();
    for (const f of found) {
      const requests = decodeRequests(f.metadata);
      if ("invalid" in requests) {
        log.debug(
          { partition: keyOf(f), reason: requests.invalid },
          "an operator's request is ignored",
        );
      } else if (requests.length > 0) seen.set(keyOf(f), this.#known(keyOf(f), requests, now));
    }
    this.#seen = seen;
    this.#readAt = now;
    const ids = new Set([...seen.values()].flatMap((s) => s.requests.map((r) => r.id)));
    for (const id of this.#answered.keys()) if (!ids.has(id)) this.#answered.delete(id);
  }

  /** Called often: reads now and then, and takes each partition a step further. */
  async turn(signal: AbortSignal): Promise<void> {
    if (this.#p.lease() === null) this.#pausing.clear();
    else if (this.#p.clock.now() - this.#readAt >= READ_MS) {
      await this.read(signal);
      await this.#perform(signal);
      this.#pause();
      await this.#answer(signal);
      await this.#resume();
    } else if (this.#finish()) await this.#answer(signal);
  }

  /** As it is now: while Kafka was asked it may have become another one. */
  get #owned(): readonly TopicPartition[] {
    return this.#p.lease()?.partitions ?? [];
  }

  #known(key: string, requests: readonly OperatorRequest[], now: number): Seen {
    const before = this.#seen.get(key)?.since;
    const since = new Map<string, number>();
    for (const r of requests) {
      if (r.do !== "pause") continue;
      const version = `${r.id} ${r.beat}`;
      since.set(version, before?.get(version) ?? now);
    }
    return { requests, since };
  }

  /** Of a partition: those that hold. One whose asker has died is over after its time. */
  #pauses(key: string): readonly OperatorRequest[] {
    const seen = this.#seen.get(key);
    if (seen === undefined) return [];
    const now = this.#p.clock.now();
    return seen.requests.filter((r) => {
      if (r.do !== "pause") return false;
      const since = seen.since.get(`${r.id} ${r.beat}`) ?? now;
      return r.ttlMs === null || now - since < r.ttlMs;
    });
  }

  #pause(): void {
    const { partitions, clock, topicId } = this.#p;
    for (const at of this.#owned) {
      const [wanted] = this.#pauses(keyOf(at));
      if (wanted === undefined || this.#pausing.has(keyOf(at))) continue;
      const p = partitions.at(at.topic, at.partition);
      const scope = p?.scope ?? { ...at, topicId: topicId(at.topic), branch: 0 };
      const paused = { scope, by: wanted.by, committed: partitions.committed(scope) };
      const is = p === undefined ? "ended" : "draining";
      this.#pausing.set(keyOf(at), { since: clock.now(), paused, is });
      p?.task.dispatch({ of: "drain" });
    }
    this.#finish();
  }

  /** Ends tasks that are drained, or that took too long. True: some ended since the last call. */
  #finish(): boolean {
    const { partitions, clock } = this.#p;
    for (const pausing of this.#pausing.values()) {
      if (pausing.is !== "draining") continue;
      const { scope } = pausing.paused;
      const task = partitions.at(scope.topic, scope.partition)?.task;
      const idle = task === undefined || task.state.phase === "stopped" || isEmpty(task.state);
      if (!idle && clock.now() - pausing.since < DRAIN_MS) continue;
      pausing.paused = { ...pausing.paused, committed: partitions.committed(scope) };
      pausing.is = "ending";
      partitions.end(scope.topic, scope.partition);
      void (task?.ended ?? Promise.resolve()).then(() => {
        pausing.is = "ended";
        this.#ended = true;
      });
    }
    const some = this.#ended;
    this.#ended = false;
    return some;
  }

  /** Partitions that nobody wants paused any more begin anew; those of others are forgotten. */
  async #resume(): Promise<void> {
    const lease = this.#p.lease();
    if (lease === null) return;
    const owned = new Set(lease.partitions.map(keyOf));
    let some = false;
    // A pause can be over before it was taken up.
    for (const key of this.#heldBack) {
      if (this.#pausing.has(key) || (owned.has(key) && this.#pauses(key).length > 0)) continue;
      this.#heldBack.delete(key);
      some ||= owned.has(key);
    }
    for (const [key, { paused, is }] of this.#pausing) {
      if (owned.has(key) && this.#pauses(key).length > 0) continue;
      this.#pausing.delete(key);
      this.#heldBack.delete(key);
      if (!owned.has(key)) continue;
      // One that has begun since is nobody's to end.
      if (is !== "ended") this.#p.partitions.end(paused.scope.topic, paused.scope.partition);
      some = true;
    }
    if (some) await this.#p.begin(lease);
  }

  async #perform(signal: AbortSignal): Promise<void> {
    for (const at of this.#owned) {
      const p = this.#p.partitions.at(at.topic, at.partition);
      for (const r of this.#seen.get(keyOf(at))?.requests ?? []) {
        if (r.do === "pause" || this.#settled(r.id)) continue;
        if (p === undefined && !this.#pausing.has(keyOf(at))) continue;
        const answer = await this.#p.perform(r, p ?? null, signal);
        this.#answered.set(r.id, { id: r.id, ...answer });
      }
    }
  }

  #settled(id: string): boolean {
    const is = this.#answered.get(id)?.is;
    return is === "done" || is === "refused";
  }

  /** Again at each reading: a member that was fenced may have written over it. */
  async #answer(signal: AbortSignal): Promise<void> {
    const { client, group } = this.#p;
    const lease = this.#p.lease();
    if (lease === null) return;
    const entries = lease.partitions.flatMap((at) => {
      const answers = this.#answersTo(keyOf(at));
      if (answers.length === 0) return [];
      const metadata = encodeAnswers({
        member: lease.memberId,
        generation: lease.generation,
        answers,
      });
      return [{ ...at, offset: 0n, leaderEpoch: -1, metadata }];
    });
    if (entries.length === 0) return;
    const to = answerGroup(group);
    const request = offsetCommit({
      ...{ group: to, generation: -1, memberId: "", instanceId: null, entries },
    });
    const answered = await client.sendToCoordinator(to, request, signal, "offsets");
    for (const a of answered) {
      const error = kafkaError(a.error, `the answer to an operator for ${keyOf(a)}`);
      if (error === undefined) continue;
      client.forgetCoordinator(to);
      throw error;
    }
  }

  #answersTo(key: string): OperatorAnswer[] {
    const pausing = this.#pausing.get(key);
    return (this.#seen.get(key)?.requests ?? []).flatMap((r): OperatorAnswer[] => {
      if (r.do !== "pause") return [this.#answered.get(r.id) ?? []].flat();
      if (pausing === undefined) return [];
      return [{ id: r.id, is: pausing.is === "ended" ? "done" : "working", text: "" }];
    });
  }
}
