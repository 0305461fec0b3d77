import { ArchiverError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import { assign } from "./assignor.ts";
import type { KafkaClient } from "./client/kafka-client.ts";
import type { Log } from "./client/options.ts";
import { kafkaError } from "./kafka-error.ts";
import type { Lease } from "./lease.ts";
import { heartbeat, type Joined, joinGroup, leaveGroup, syncGroup } from "./requests/group.ts";
import type { TopicPartition } from "./requests/offsets.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type GroupPlan,
  PROTOCOL,
} from "./subscription.ts";

export interface MemberListener {
  /** A new assignment, after every rebalance; partitions that stayed are in it again. */
  assigned(lease: Lease): void;
  /** The membership is over: nothing is owned until the next assignment. */
  lost(reason: string): void;
}

export interface MemberOptions {
  readonly group: string;
  /** Static membership (KIP-345): a restart within the session time-out moves nothing. */
  readonly instanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  /** What is subscribed to now, and the partitions that a leader distributes. */
  readonly topics: () => readonly string[];
  readonly partitions: () => readonly TopicPartition[];
  /** Told to the other members; has to be the same after a restart. */
  readonly about: Readonly<Record<string, string>>;
}

export interface MemberState {
  readonly status: "joining" | "stable" | "stopped";
  readonly memberId: string;
  readonly generation: number;
  readonly lastError: string | null;
}

type Code = string | null;
const RETRY_MS = 500;

/** One member of the consumer group: joins, keeps the membership alive, and says what it owns. */
export class GroupMember {
  readonly #client: KafkaClient;
  readonly #o: MemberOptions;
  readonly #listener: MemberListener;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stop = new AbortController();
  #memberId = "";
  #generation = -1;
  #owned: readonly TopicPartition[] = [];
  #group: GroupPlan = {};
  #rejoin = false;
  #heardAt = 0;
  #status: MemberState["status"] = "joining";
  #lastError: string | null = null;

  constructor(
    client: KafkaClient,
    options: MemberOptions,
    listener: MemberListener,
    ports: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#client = client;
    this.#o = options;
    this.#listener = listener;
    this.#clock = ports.clock;
    this.#log = ports.log;
  }

  state(): MemberState {
    const [memberId, generation] = [this.#memberId, this.#generation];
    return { status: this.#status, memberId, generation, lastError: this.#lastError };
  }

  /** Topics or partitions changed: join again with the new subscription. */
  rejoin(): void {
    this.#rejoin = true;
  }

  /** Runs until stopped; rejects only with what an operator has to change. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        this.#status = "joining";
        const lease = await this.#join(signal);
        if (lease === null) continue;
        this.#status = "stable";
        this.#lastError = null;
        this.#listener.assigned(lease);
        await this.#beat(signal);
      } catch (error) {
        if (signal.aborted) break;
        await this.#failed(error, signal);
      }
    }
    this.#status = "stopped";
  }

  /** A static member does not leave: its partitions wait for it. */
  async stop(): Promise<void> {
    const { group, instanceId } = this.#o;
    const memberId = this.#memberId;
    this.#stop.abort(new ArchiverError("interrupted", "the member was stopped"));
    if (instanceId !== null || memberId === "") return;
    const timeout = AbortSignal.timeout(5_000);
    const error = await this.#client.sendToCoordinator(
      group,
      leaveGroup({ group, memberId, instanceId }),
      timeout,
    );
    if (error !== 0) this.#log.debug({ group, error }, "leaving the group was refused");
  }

  /** Null: the answer asks for another try. */
  async #join(signal: AbortSignal): Promise<Lease | null> {
    const { group, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.#o;
    this.#rejoin = false;
    const memberId = this.#memberId;
    const ref = { group, memberId, instanceId };
    const metadata = this.#subscription();
    const joined = await this.#client.sendToCoordinator(
      group,
      joinGroup({ ...ref, sessionTimeoutMs, rebalanceTimeoutMs, protocol: PROTOCOL, metadata }),
      signal,
    );
    if (codeOf(joined.error, "join") === "MEMBER_ID_REQUIRED") {
      this.#memberId = joined.memberId;
      return null;
    }
    if (!(await this.#answered(codeOf(joined.error, "join"), signal))) return null;
    this.#memberId = joined.memberId;
    this.#heardAt = this.#clock.now();
    const { generation } = joined;
    const assignments = joined.leader === joined.memberId ? this.#assignments(joined) : [];
    const request = syncGroup({
      group,
      instanceId,
      memberId: joined.memberId,
      generation,
      assignments,
      rebalanceTimeoutMs,
    });
    const synced = await this.#client.sendToCoordinator(group, request, signal);
    if (!(await this.#answered(codeOf(synced.error, "sync"), signal))) return null;
    const assignment = decodeAssignment(synced.assignment);
    this.#heardAt = this.#clock.now();
    this.#generation = generation;
    this.#owned = assignment.owned;
    this.#group = assignment.group;
    const partitions = assignment.owned;
    return { group, memberId: joined.memberId, generation, instanceId, partitions };
  }

  /**
   * A static member's subscription never changes by itself: if it did, its restart would look like a
   * change and cost a rebalance. What it owned is in the group's plan, which every member keeps.
   */
  #subscription(): Buffer {
    const fixed = this.#o.instanceId !== null;
    return encodeSubscription({
      topics: [...this.#o.topics()].sort(),
      owned: fixed ? [] : this.#owned,
      generation: fixed ? -1 : this.#generation,
      about: this.#o.about,
    });
  }

  #assignments(joined: Joined): { memberId: string; assignment: Uint8Array }[] {
    const candidates = joined.members.map((m) => {
      const s = decodeSubscription(m.metadata, m.memberId);
      const known = this.#group[m.instanceId ?? m.memberId] ?? [];
      const owned = m.instanceId === null && s.owned.length > 0 ? s.owned : known;
      const generation = m.instanceId === null ? s.generation : this.#generation;
      return {
        memberId: m.memberId,
        instanceId: m.instanceId,
        topics: s.topics,
        owned,
        generation,
      };
    });
    const made = assign(candidates, this.#o.partitions());
    const names = new Map(candidates.map((c) => [c.memberId, c.instanceId ?? c.memberId]));
    const group = Object.fromEntries([...made].map(([id, list]) => [names.get(id) ?? id, list]));
    return [...made].map(([memberId, owned]) => ({
      memberId,
      assignment: encodeAssignment(owned, group),
    }));
  }

  /** Heartbeats on their own rhythm until the group wants something else. */
  async #beat(signal: AbortSignal): Promise<void> {
    const { group, instanceId, heartbeatMs } = this.#o;
    for (;;) {
      await this.#clock.sleep(heartbeatMs, signal);
      if (this.#rejoin) return;
      const ref = { group, memberId: this.#memberId, instanceId, generation: this.#generation };
      const answer = await this.#client.sendToCoordinator(group, heartbeat(ref), signal);
      const code = codeOf(answer, "heartbeat");
      if (code === "REBALANCE_IN_PROGRESS") {
        this.#heardAt = this.#clock.now();
        return;
      }
      if (!(await this.#answered(code, signal))) return;
      this.#heardAt = this.#clock.now();
      this.#lastError = null;
    }
  }

  /** False: join again. What ends the membership is told to the listener first. */
  async #answered(code: Code, signal: AbortSignal): Promise<boolean> {
    if (code === null) return true;
    this.#lastError = code;
    switch (code) {
      case "UNKNOWN_MEMBER_ID":
      case "ILLEGAL_GENERATION":
        this.#lose(code);
        if (code === "UNKNOWN_MEMBER_ID") this.#memberId = "";
        return false;
      case "FENCED_INSTANCE_ID":
        this.#lose(code);
        throw new ArchiverError(
          "usage",
          `group ${this.#o.group}: another process joined with kafka.instanceId ${this.#o.instanceId}; ` +
            "each daemon needs an id of its own",
        );
      case "NOT_COORDINATOR":
      case "COORDINATOR_NOT_AVAILABLE":
        this.#client.forgetCoordinator(this.#o.group);
        break;
      case "REBALANCE_IN_PROGRESS":
        return false;
      case "COORDINATOR_LOAD_IN_PROGRESS":
      case "UNKNOWN_SERVER_ERROR":
        break;
      default:
        throw new ArchiverError("kafka-refused", `group ${this.#o.group}: Kafka answered ${code}`);
    }
    this.#silence();
    await this.#clock.sleep(RETRY_MS, signal);
    return false;
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    const text = error instanceof Error ? error.message : String(error);
    const operator = error instanceof ArchiverError && error.class === "operator";
    if (operator && error.code === "usage") throw error;
    this.#lastError = text;
    this.#silence();
    this.#log.warn(
      { group: this.#o.group, error: text },
      "the group's coordinator does not answer",
    );
    await this.#clock.sleep(RETRY_MS, signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }

  /** After a session without a word from the coordinator others may own our partitions. */
  #silence(): void {
    if (this.#owned.length === 0) return;
    const silentMs = this.#clock.now() - this.#heardAt;
    if (silentMs >= this.#o.sessionTimeoutMs)
      this.#lose(`no answer for ${Math.round(silentMs)} ms`);
  }

  #lose(reason: string): void {
    this.#owned = [];
    this.#listener.lost(reason);
  }
}

const codeOf = (error: number, what: string): Code => kafkaError(error, what)?.kafkaCode ?? null;
