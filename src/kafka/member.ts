import { ArchiverError, isWaitedFor } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";
import type { Clock } from "../core/ports.ts";
import type { KafkaClient } from "./client/kafka-client.ts";
import type { Log } from "./client/options.ts";
import { distribute, isIncomplete } from "./distribution.ts";
import { kafkaError } from "./kafka-error.ts";
import type { Lease } from "./lease.ts";
import type { MemberListener, MemberOptions, MemberState } from "./member-options.ts";
import { heartbeat, joinGroup, leaveGroup, syncGroup } from "./requests/group.ts";
import type { TopicPartition } from "./requests/offsets.ts";
import { decodeAssignment, encodeSubscription, type GroupPlan, PROTOCOL } from "./subscription.ts";

type Code = string | null;
const RETRY_MS = 500;
const LEAVE_MS = 5_000;
const HEARTBEAT_MS = 10_000;
const JOIN_SLACK_MS = 5_000;

const WRONG_COORDINATOR = new Set(["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"]);
/** The same request is right again a moment later. */
const PASSING = new Set([
  ...WRONG_COORDINATOR,
  "COORDINATOR_LOAD_IN_PROGRESS",
  "UNKNOWN_SERVER_ERROR",
]);

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
  #plan: GroupPlan = new Map();
  #rejoin = false;
  /** Generation whose incomplete plan was objected to already. */
  #objected = -1;
  /** When the last request was sent that the coordinator answered well: its clock runs from there. */
  #heardAt = 0;
  /** For how long the coordinator keeps us without another word. */
  #patienceMs: number;
  #status: MemberState["status"] = "joining";
  #lastError: string | null = null;
  /** In a row. */
  #refusals = 0;

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
    this.#patienceMs = options.sessionTimeoutMs;
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
    const watched = this.#watch(signal);
    try {
      while (!signal.aborted) await this.#turn(signal);
    } finally {
      this.#status = "stopped";
      if (!signal.aborted) this.#stop.abort(new ArchiverError("interrupted", "the member ended"));
      await watched;
    }
  }

  /** Once through: join, say what is owned, and keep the membership until the group wants another turn. */
  async #turn(signal: AbortSignal): Promise<void> {
    try {
      this.#status = "joining";
      const lease = await this.#join(signal);
      if (lease === null) return;
      this.#status = "stable";
      [this.#lastError, this.#refusals] = [null, 0];
      this.#listener.assigned(lease);
      await this.#beat(signal);
    } catch (error) {
      if (!signal.aborted) await this.#failed(error, signal);
    }
  }

  /** A static member does not leave: its partitions wait for it. */
  async stop(): Promise<void> {
    const { group, instanceId } = this.#o;
    const memberId = this.#memberId;
    this.#stop.abort(new ArchiverError("interrupted", "the member was stopped"));
    if (instanceId !== null || memberId === "") return;
    const request = leaveGroup({ group, memberId, instanceId });
    const timeout = AbortSignal.timeout(LEAVE_MS);
    try {
      // Not over the group's connection: a JoinGroup that is held back there would come first.
      const error = await this.#client.sendToCoordinator(group, request, timeout, "offsets");
      if (error !== 0) this.#log.debug({ group, error }, "leaving the group was refused");
    } catch (error) {
      // A courtesy to the others, who otherwise wait for a session time-out.
      this.#log.info({ group, error: String(error) }, "the group could not be left in order");
    }
  }

  /** Null: the answer asks for another try. */
  async #join(signal: AbortSignal): Promise<Lease | null> {
    const { group, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.#o;
    this.#rejoin = false;
    const ref = { group, memberId: this.#memberId, instanceId };
    const metadata = this.#subscription();
    // While others are waited for, the coordinator keeps who has joined.
    this.#patienceMs = Math.max(sessionTimeoutMs, rebalanceTimeoutMs) + JOIN_SLACK_MS;
    const joined = await this.#client.sendToCoordinator(
      group,
      joinGroup({ ...ref, sessionTimeoutMs, rebalanceTimeoutMs, protocol: PROTOCOL, metadata }),
      signal,
    );
    const code = codeOf(joined.error, "join");
    if (code === "MEMBER_ID_REQUIRED") {
      this.#memberId = joined.memberId;
      return null;
    }
    if (!(await this.#answered(code, signal))) return null;
    this.#memberId = joined.memberId;
    const { generation, memberId } = joined;
    const before = { plan: this.#plan, generation: this.#generation };
    const leads = joined.leader === memberId && joined.members.length > 0;
    const assignments = leads ? distribute(joined, before, this.#o.partitions()) : [];
    const sentAt = this.#clock.now();
    const request = syncGroup({
      ...{ group, instanceId, memberId, generation, assignments, rebalanceTimeoutMs },
    });
    const synced = await this.#client.sendToCoordinator(group, request, signal);
    if (!(await this.#answered(codeOf(synced.error, "sync"), signal))) return null;
    const assignment = decodeAssignment(synced.assignment);
    this.#heardAt = sentAt;
    this.#patienceMs = sessionTimeoutMs;
    this.#generation = generation;
    this.#owned = assignment.owned;
    this.#plan = assignment.group;
    return { group, memberId, generation, instanceId, partitions: assignment.owned };
  }

  #subscription(): Buffer {
    return encodeSubscription({
      topics: [...this.#o.topics()].sort(),
      owned: this.#owned,
      generation: this.#generation,
      about: this.#o.about,
    });
  }

  /** Heartbeats on their own rhythm, until the group wants another turn. */
  async #beat(signal: AbortSignal): Promise<void> {
    const { group, instanceId, heartbeatMs, sessionTimeoutMs } = this.#o;
    this.#objectOnce();
    while (this.#owned.length > 0 || this.#clock.now() - this.#heardAt < sessionTimeoutMs) {
      await this.#clock.sleep(heartbeatMs, signal);
      if (this.#rejoin || this.#status !== "stable") return;
      const ref = { group, memberId: this.#memberId, instanceId, generation: this.#generation };
      const timeoutMs = Math.min(HEARTBEAT_MS, Math.max(1_000, sessionTimeoutMs / 3));
      const sentAt = this.#clock.now();
      try {
        const request = heartbeat(ref, timeoutMs);
        const error = await this.#client.sendToCoordinator(group, request, signal);
        const code = codeOf(error, "heartbeat");
        if (code === null || code === "REBALANCE_IN_PROGRESS") this.#heardAt = sentAt;
        if (code === "REBALANCE_IN_PROGRESS") return;
        if (code === null) [this.#lastError, this.#refusals] = [null, 0];
        else if (!(await this.#answered(code, signal)) && !PASSING.has(code)) return;
      } catch (error) {
        // A coordinator that moved or restarts still knows this generation: no reason to join anew.
        if (signal.aborted || !isWaitedFor(error)) throw error;
        await this.#failed(error, signal);
      }
    }
  }

  /**
   * Partitions that came while the leader was away are in nobody's part, and if it is the same as before,
   * no member's subscription tells so: whoever sees it joins again, once a generation.
   */
  #objectOnce(): void {
    if (this.#objected === this.#generation) return;
    if (!isIncomplete(this.#plan, this.#o.partitions())) return;
    this.#objected = this.#generation;
    this.#rejoin = true;
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
      case "REBALANCE_IN_PROGRESS":
        return false;
      default:
        if (!PASSING.has(code)) throw kafkaRefusal(code, this.#o.group);
    }
    if (WRONG_COORDINATOR.has(code)) this.#client.forgetCoordinator(this.#o.group);
    await this.#clock.sleep(RETRY_MS, signal);
    return false;
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    const code = error instanceof ArchiverError ? error.code : null;
    if (code === "usage") throw error;
    const text = messageOf(error);
    this.#lastError = text;
    const refused = code === "kafka-auth";
    this.#refusals = refused ? this.#refusals + 1 : 0;
    const said = refused ? "Kafka refuses this user" : "the group's coordinator does not answer";
    this.#log.warn({ group: this.#o.group, error: text }, `${said}; it is tried again`);
    // A user that is refused asks less and less often, because servers lock who insists; but often
    // enough to keep its partitions when its rights come back.
    const doubled = RETRY_MS * 2 ** Math.min(this.#refusals, 9);
    const ms = refused ? Math.min(this.#o.sessionTimeoutMs / 3, doubled) : RETRY_MS;
    await this.#rest(ms, signal);
  }

  /** Ends early when stopped. */
  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(ms, signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }

  /** After a session without a word from the coordinator others may own our partitions. */
  async #watch(signal: AbortSignal): Promise<void> {
    const everyMs = Math.max(50, this.#o.heartbeatMs / 2);
    while (!signal.aborted) {
      await this.#rest(everyMs, signal);
      const silentMs = Math.round(this.#clock.now() - this.#heardAt);
      if (signal.aborted || this.#owned.length === 0 || silentMs < this.#patienceMs) continue;
      this.#lose(`the coordinator did not answer for ${silentMs} ms`);
    }
  }

  #lose(reason: string): void {
    // The coordinator may still know us and answer well; what was given up comes back by joining only.
    this.#status = "joining";
    this.#owned = [];
    this.#listener.lost(reason);
  }
}

const kafkaRefusal = (code: string, group: string): ArchiverError =>
  new ArchiverError(
    code === "GROUP_AUTHORIZATION_FAILED" ? "kafka-auth" : "kafka-refused",
    `group ${group}: Kafka answered ${code}`,
  );

const codeOf = (error: number, what: string): Code => kafkaError(error, what)?.kafkaCode ?? null;
