import { hostname } from "node:os";
import { ArchiverError } from "../../core/errors.ts";
import {
  answerGroup,
  decodeAnswers,
  decodeRequests,
  encodeRequests,
  type OperatorAnswer,
  type OperatorRequest,
  type PauseRequest,
  requestGroup,
} from "../../core/operator-requests.ts";
import type { Clock, Random } from "../../core/ports.ts";
import { within } from "../../core/within.ts";
import type { KafkaClient } from "../../kafka/client/kafka-client.ts";
import { readCommittedOffsets } from "../../kafka/offset-commits.ts";
import { describeGroup } from "../../kafka/requests/describe-groups.ts";
import type { TopicPartition } from "../../kafka/requests/offsets.ts";
import { SoleMember } from "../../kafka/sole-member.ts";
import { decodeAssignment } from "../../kafka/subscription.ts";

export interface OperatorOptions {
  readonly client: KafkaClient;
  /** Of the pipeline. */
  readonly group: string;
  /** Of the command, for `status` and for who waits. */
  readonly command: string;
  /** How long to wait for another operator command. */
  readonly waitMs: number;
  /** After so long without a sign of ours an owner takes a pause for over. @default 60 000 */
  readonly pauseMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly note: (text: string) => void;
}

/** A request without what every request has. */
export type Asked = WithoutHead<OperatorRequest>;
type WithoutHead<T> = T extends unknown ? Omit<T, "id" | "by"> : never;

/** That nobody else works on a partition, as long as `check` does not throw. */
export interface Held {
  /** Before each thing that sets aside or deletes. @throws ArchiverError operator-busy */
  check(): void;
}

const POLL_MS = 500;
const TTL_MS = 60_000;
/** Of a pause's time: how often it is renewed. */
const RENEWALS = 12;
/** An owner that drains takes up to 20 s, and its reading of requests 3 s. */
const ANSWER_MS = 60_000;
const WITHDRAW_MS = 3_000;

/** By `clock.now()`; the owner begins no earlier than twice that far from the last sign of ours. */
interface Sure {
  until: number;
}

const unsure = (at: TopicPartition): ArchiverError =>
  new ArchiverError("operator-busy", `the pause of ${keyOf(at)} is no longer sure`);

const keyOf = (p: TopicPartition): string => `${p.topic}/${p.partition}`;

/**
 * One operator command among all of a group: only one is at work at a time. It asks the owners of
 * partitions to do something, or to leave them alone for a while, and hears what they answer.
 */
export class Operator {
  readonly #o: OperatorOptions;
  readonly #member: SoleMember;
  readonly #by: string;
  readonly #requests = new Map<string, readonly OperatorRequest[]>();

  private constructor(o: OperatorOptions, member: SoleMember) {
    this.#o = o;
    this.#member = member;
    this.#by = `${o.command} (${hostname().slice(0, 60)}, pid ${process.pid})`;
  }

  /** @throws ArchiverError operator-busy, kafka-unreachable, kafka-auth */
  static async open(o: OperatorOptions, signal: AbortSignal): Promise<Operator> {
    const { client, clock, waitMs, note } = o;
    const group = requestGroup(o.group);
    const onWait = (): void => note(`waiting: another operator command holds group ${group}`);
    const member = await SoleMember.join(client, { group, waitMs, clock, onWait }, signal);
    const operator = new Operator(o, member);
    try {
      for (const f of await readCommittedOffsets(client, group, null, signal)) {
        const found = decodeRequests(f.metadata);
        if ("invalid" in found) continue;
        // Whoever asked for a pause that ends by itself was the holder before, and is no more.
        const standing = found.filter((r) => r.do !== "pause" || r.ttlMs === null);
        operator.#requests.set(keyOf(f), standing);
      }
      return operator;
    } catch (error) {
      await member.close();
      throw error;
    }
  }

  /** What is asked of a partition's owner now, also by commands before this one. */
  requests(at: TopicPartition): readonly OperatorRequest[] {
    return this.#requests.get(keyOf(at)) ?? [];
  }

  /** Answers the request's id. It stays until it is withdrawn. */
  async ask(at: TopicPartition, asked: Asked, signal: AbortSignal): Promise<string> {
    const id = Buffer.from(this.#o.random.bytes(8)).toString("hex");
    const request = { id, by: this.#by, ...asked } as OperatorRequest;
    await this.#write(at, [...this.requests(at), request], signal);
    return id;
  }

  async withdraw(at: TopicPartition, id: string, signal: AbortSignal): Promise<void> {
    const left = this.requests(at).filter((r) => r.id !== id);
    await this.#write(at, left, signal);
  }

  /**
   * Waits for the owner's answer, that of who owns the partition now. Null: nobody owns it, no daemon of
   * the group runs. @throws ArchiverError pause-unanswered
   */
  async answer(
    at: TopicPartition,
    id: string,
    signal: AbortSignal,
  ): Promise<OperatorAnswer | null> {
    const { clock } = this.#o;
    const until = clock.now() + ANSWER_MS;
    for (;;) {
      const owner = await this.#owner(at, signal);
      if (owner === null) return null;
      const found =
        owner === "unsettled" ? undefined : await this.#answerOf(at, id, owner.memberId, signal);
      if (found !== undefined && found.is !== "working") return found;
      if (clock.now() >= until) {
        const text = `${keyOf(at)}: its owner did not answer within ${ANSWER_MS / 1000} s`;
        throw new ArchiverError("pause-unanswered", text);
      }
      await clock.sleep(POLL_MS, signal);
    }
  }

  /**
   * Does `work` while nobody archives the partition: its owner has delivered what was on its way and has
   * stopped, and a new owner does not begin. Ends by itself when this process dies.
   */
  async paused<T>(
    at: TopicPartition,
    work: (held: Held, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { clock } = this.#o;
    const over = new AbortController();
    const during = AbortSignal.any([signal, over.signal, this.#member.lost]);
    const ttlMs = this.#o.pauseMs ?? TTL_MS;
    const sure = { until: clock.now() + ttlMs / 2 };
    const id = await this.ask(at, { do: "pause", ttlMs, beat: 0 }, during);
    const renewing = Promise.all([
      this.#renew(at, { id, ttlMs, sure }, during, over),
      this.#watch(at, sure, during, over),
    ]);
    const check = (): void => {
      during.throwIfAborted();
      if (clock.now() >= sure.until) throw unsure(at);
    };
    try {
      await this.answer(at, id, during);
      check();
      return await work({ check }, during);
    } finally {
      over.abort(new ArchiverError("interrupted", "the pause is over"));
      await renewing;
      if (!this.#member.lost.aborted) await this.#release(at, id);
    }
  }

  close(): Promise<void> {
    return this.#member.close();
  }

  /** Ends when `during` aborts; never rejects: what fails ends the pause. */
  async #renew(
    at: TopicPartition,
    { id, ttlMs, sure }: Pick<PauseRequest, "id"> & { readonly ttlMs: number; readonly sure: Sure },
    during: AbortSignal,
    over: AbortController,
  ): Promise<void> {
    const { clock } = this.#o;
    const everyMs = ttlMs / RENEWALS;
    while (!during.aborted) {
      try {
        await clock.sleep(everyMs, during);
        const next = this.requests(at).map((r) =>
          r.id === id ? { ...(r as PauseRequest), beat: (r as PauseRequest).beat + 1 } : r,
        );
        const before = clock.now();
        await this.#write(at, next, during);
        if (clock.now() - before < everyMs) sure.until = clock.now() + ttlMs / 2;
      } catch (error) {
        if (during.aborted) return;
        over.abort(error);
      }
    }
  }

  /** While a renewal waits for Kafka, the work must not go on beyond what is sure. */
  async #watch(
    at: TopicPartition,
    sure: Sure,
    during: AbortSignal,
    over: AbortController,
  ): Promise<void> {
    const { clock } = this.#o;
    while (!during.aborted) {
      const left = sure.until - clock.now();
      if (left <= 0) over.abort(unsure(at));
      else await Promise.allSettled([clock.sleep(left, during)]);
    }
  }

  /** A pause that could not be taken back ends by itself a minute later. */
  async #release(at: TopicPartition, id: string): Promise<void> {
    try {
      await within(this.#o.clock, WITHDRAW_MS, (limit) => this.withdraw(at, id, limit));
    } catch (error) {
      this.#o.note(`the pause of ${keyOf(at)} ends within a minute: ${String(error)}`);
    }
  }

  async #write(
    at: TopicPartition,
    requests: readonly OperatorRequest[],
    signal: AbortSignal,
  ): Promise<void> {
    const metadata = encodeRequests(requests);
    const { topic, partition } = at;
    await this.#member.commit({ topic, partition, offset: 0n, leaderEpoch: -1, metadata }, signal);
    this.#requests.set(keyOf(at), requests);
  }

  /** Null: nobody owns it, nor can before having read the requests. */
  async #owner(
    at: TopicPartition,
    signal: AbortSignal,
  ): Promise<{ readonly memberId: string } | "unsettled" | null> {
    const { client, group } = this.#o;
    const found = await client.sendToCoordinator(group, describeGroup(group), signal, "offsets");
    if (found.state === "Empty" || found.state === "Dead") return null;
    if (found.state !== "Stable") return "unsettled";
    const owner = found.members.find((m) =>
      decodeAssignment(m.assignment).owned.some((p) => keyOf(p) === keyOf(at)),
    );
    return owner ?? null;
  }

  async #answerOf(
    at: TopicPartition,
    id: string,
    owner: string,
    signal: AbortSignal,
  ): Promise<OperatorAnswer | undefined> {
    const { client, group } = this.#o;
    const { topic, partition } = at;
    const from = answerGroup(group);
    const [found] = await readCommittedOffsets(client, from, [{ topic, partition }], signal);
    const answers = decodeAnswers(found?.metadata ?? "");
    if ("invalid" in answers || answers.member !== owner) return undefined;
    return answers.answers.find((a) => a.id === id);
  }
}
