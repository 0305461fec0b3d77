import { ArchiverError, isTransient } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import { within } from "../core/within.ts";
import type { KafkaClient } from "./client/kafka-client.ts";
import { kafkaError, refuseCode } from "./kafka-error.ts";
import { heartbeat, type Joined, joinGroup, leaveGroup, syncGroup } from "./requests/group.ts";
import { type CommitEntry, offsetCommit } from "./requests/offsets.ts";
import { encodeAssignment, encodePlan, encodeSubscription } from "./subscription.ts";

/** The least that brokers allow; a member that was killed is in the way for so long. */
const SESSION_MS = 6_000;
const HEARTBEAT_MS = 1_000;
const PAUSE_MS = 1_000;
const LEAVE_MS = 3_000;
const MAX_TRIES = 20;
const PROTOCOL = "bulk-archiver-operator-1";
const PASSING = new Set([
  "NOT_COORDINATOR",
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "REBALANCE_IN_PROGRESS",
]);
/** The coordinator no longer knows us: another may be the holder now. */
const OVER = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID"]);

export interface SoleMemberOptions {
  readonly group: string;
  /** How long to wait for the group to be free. */
  readonly waitMs: number;
  readonly clock: Clock;
  /** Somebody else holds the group, and is waited for; said once. */
  readonly onWait: () => void;
}

/**
 * A group that has one member that counts, its leader: who joins and is not the leader leaves at once.
 * Kafka keeps a leader through every rebalance that it answers, so this is a lock; and it fences a
 * holder that was frozen, because commits carry the generation.
 */
export class SoleMember {
  readonly #client: KafkaClient;
  readonly #o: SoleMemberOptions;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  #memberId = "";
  #generation = -1;
  /** Joining again and committing take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #beating: Promise<void> = Promise.resolve();

  private constructor(client: KafkaClient, o: SoleMemberOptions) {
    this.#client = client;
    this.#o = o;
  }

  /** @throws ArchiverError operator-busy */
  static async join(
    client: KafkaClient,
    o: SoleMemberOptions,
    signal: AbortSignal,
  ): Promise<SoleMember> {
    const member = new SoleMember(client, o);
    const until = o.clock.now() + o.waitMs;
    for (let tries = 0; !(await member.#join(signal)); tries += 1) {
      await member.#leave();
      if (o.clock.now() >= until) {
        const text = `group ${o.group} is held by another operator command for ${o.waitMs} ms`;
        throw new ArchiverError("operator-busy", text);
      }
      if (tries === 0) o.onWait();
      await o.clock.sleep(PAUSE_MS, signal);
    }
    member.#beating = member.#beat();
    return member;
  }

  /** Aborts when the group is no longer held. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Under the membership, or it rejects. */
  commit(entry: CommitEntry, signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      for (let tries = 1; ; tries += 1) {
        this.#lost.signal.throwIfAborted();
        const code = await this.#sendCommit(entry, signal);
        if (code === null) return;
        if (OVER.has(code)) throw this.#over(code);
        if (!PASSING.has(code) || tries >= MAX_TRIES) {
          throw refusal(code, `commit of ${entry.topic}/${entry.partition}`);
        }
        this.#client.forgetCoordinator(this.#o.group);
        if (code === "REBALANCE_IN_PROGRESS") await this.#again(signal);
        else await this.#o.clock.sleep(PAUSE_MS / 4, signal);
      }
    });
  }

  async close(): Promise<void> {
    this.#stop.abort(new ArchiverError("interrupted", "the operator's work is done"));
    await this.#beating;
    await this.#leave();
  }

  async #sendCommit(entry: CommitEntry, signal: AbortSignal): Promise<string | null> {
    const ref = { group: this.#o.group, memberId: this.#memberId, instanceId: null };
    const request = offsetCommit({ ...ref, generation: this.#generation, entries: [entry] });
    const [answer] = await this.#client.sendToCoordinator(
      this.#o.group,
      request,
      signal,
      "offsets",
    );
    return kafkaError(answer?.error ?? -1, "commit")?.kafkaCode ?? null;
  }

  /** True: this member leads the group. */
  async #join(signal: AbortSignal): Promise<boolean> {
    const { group, clock } = this.#o;
    for (let tries = 1; ; tries += 1) {
      const joined = await this.#sendJoin(signal);
      const code = kafkaError(joined.error, "join")?.kafkaCode ?? null;
      if (code === null) {
        this.#memberId = joined.memberId;
        this.#generation = joined.generation;
        if (joined.leader !== joined.memberId) return false;
        if (await this.#sync(joined, signal)) return true;
      } else if (code === "MEMBER_ID_REQUIRED") this.#memberId = joined.memberId;
      else if (OVER.has(code)) this.#memberId = "";
      else if (PASSING.has(code)) {
        this.#client.forgetCoordinator(group);
        await clock.sleep(PAUSE_MS / 4, signal);
      } else throw refusal(code, `joining group ${group}`);
      if (tries >= MAX_TRIES) throw refusal(code ?? "no answer", `joining group ${group}`);
    }
  }

  #sendJoin(signal: AbortSignal): Promise<Joined> {
    const { group } = this.#o;
    const about = { topics: [], owned: [], generation: -1, about: {} };
    const request = joinGroup({
      group,
      memberId: this.#memberId,
      instanceId: null,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: SESSION_MS,
      protocol: PROTOCOL,
      metadata: encodeSubscription(about),
    });
    return this.#client.sendToCoordinator(group, request, signal);
  }

  /** False: the group went on meanwhile. */
  async #sync(joined: Joined, signal: AbortSignal): Promise<boolean> {
    const assignment = encodeAssignment([], encodePlan(new Map()));
    const request = syncGroup({
      group: this.#o.group,
      memberId: joined.memberId,
      instanceId: null,
      generation: joined.generation,
      assignments: joined.members.map(({ memberId }) => ({ memberId, assignment })),
      rebalanceTimeoutMs: SESSION_MS,
    });
    const { error } = await this.#client.sendToCoordinator(this.#o.group, request, signal);
    const code = kafkaError(error, "sync")?.kafkaCode ?? null;
    if (code === null) return true;
    if (PASSING.has(code) || OVER.has(code)) return false;
    throw refusal(code, `joining group ${this.#o.group}`);
  }

  /** Joins again as the same member; who is no longer known has lost the group. */
  async #again(signal: AbortSignal): Promise<void> {
    const was = this.#memberId;
    const leads = await this.#join(signal);
    if (!leads || this.#memberId !== was) throw this.#over("another member leads");
  }

  /** Never rejects: what ends the membership aborts `lost`. */
  async #beat(): Promise<void> {
    const { signal } = this.#stop;
    const { clock, group } = this.#o;
    let heardAt = clock.now();
    while (!signal.aborted && !this.#lost.signal.aborted) {
      try {
        await clock.sleep(HEARTBEAT_MS, signal);
        await this.#inTurn(async () => {
          const generation = this.#generation;
          const ref = { group, memberId: this.#memberId, instanceId: null, generation };
          const sentAt = clock.now();
          const error = await this.#client.sendToCoordinator(group, heartbeat(ref, 3_000), signal);
          const code = kafkaError(error, "heartbeat")?.kafkaCode ?? null;
          if (code === "REBALANCE_IN_PROGRESS") await this.#again(signal);
          else if (code !== null && OVER.has(code)) throw this.#over(code);
          else if (code !== null) this.#client.forgetCoordinator(group);
          if (code === null || code === "REBALANCE_IN_PROGRESS") heardAt = sentAt;
        });
      } catch (error) {
        if (signal.aborted || this.#lost.signal.aborted) return;
        if (!isTransient(error) || clock.now() - heardAt > SESSION_MS) {
          this.#lost.abort(error);
        }
      }
    }
  }

  #over(why: string): ArchiverError {
    const text = `group ${this.#o.group} is no longer held by this command (${why})`;
    const error = new ArchiverError("operator-busy", text);
    this.#lost.abort(error);
    return error;
  }

  async #leave(): Promise<void> {
    const memberId = this.#memberId;
    if (memberId === "") return;
    this.#memberId = "";
    const request = leaveGroup({ group: this.#o.group, memberId, instanceId: null });
    const { group, clock } = this.#o;
    try {
      const error = await within(clock, LEAVE_MS, (limit) =>
        this.#client.sendToCoordinator(group, request, limit, "offsets"),
      );
      // Not known any more: gone already.
      if (error !== 0 && error !== 25) refuseCode(error, `leaving group ${group}`);
    } catch (error) {
      // A courtesy: the coordinator forgets a silent member by itself.
      if (!(error instanceof ArchiverError)) throw error;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = Promise.allSettled([done]);
    return done;
  }
}

const refusal = (code: string, what: string): ArchiverError =>
  new ArchiverError(
    code.includes("AUTHORIZATION") ? "kafka-auth" : "kafka-refused",
    `${what}: Kafka answered ${code}`,
  );
