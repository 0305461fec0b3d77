import type { BlockPool } from "../batch/block-buffer.ts";
import type { BatchPolicy } from "../batch/policy.ts";
import { Turns } from "../batch/turns.ts";
import type { Budget } from "../core/budget.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports.ts";
import type { Scope } from "../core/scope.ts";
import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import type { Log } from "../kafka/client/options.ts";
import { Fetcher } from "../kafka/fetcher.ts";
import type { Lease } from "../kafka/lease.ts";
import { GroupMember } from "../kafka/member.ts";
import type { TopicCatalogue } from "../kafka/topics.ts";
import type { HitFailpoint } from "../pipeline/failpoint.ts";
import type { Judge, OffsetStore, Sealer, TaskEvent, TaskPorts } from "../pipeline/ports.ts";
import { CopyTurns, detachAway, RetentionGuard } from "./away-sinks.ts";
import { type BeginningPorts, beginPartitions, branchPartition } from "./beginnings.ts";
import { insideBatch, logPort } from "./log-port.ts";
import { OperatorDesk } from "./operator-desk.ts";
import { performRequest } from "./operator-perform.ts";
import { offsetStore } from "./offset-store.ts";
import type { OpenedSink } from "./open-sinks.ts";
import { refuseOutOfRange } from "./out-of-range.ts";
import { Partitions } from "./partitions.ts";
import { pollEnds } from "./poll-ends.ts";
import { filesAgain, recordPort } from "./record-port.ts";
import { repeat } from "./repeat.ts";

/** Everything one pipeline needs, resolved and opened. */
export interface ArchiverOptions {
  readonly group: string;
  readonly instanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly start: "earliest" | "latest";
  readonly policy: BatchPolicy;
  readonly archiveId: string;
  readonly clusterId: string;
  readonly client: KafkaClient;
  readonly catalogue: TopicCatalogue;
  readonly sinks: readonly OpenedSink[];
  readonly sealer: Sealer;
  readonly recipe: TaskPorts["recipe"];
  readonly judge: (fetcher: Fetcher, scope: Scope) => Judge;
  readonly budget: Budget;
  /** Of one answer of Kafka. @default 4 MiB */
  readonly maxFetchBytes?: number;
  readonly pool: BlockPool;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly failpoint: HitFailpoint;
  readonly emit: (scope: Scope, event: TaskEvent) => void;
  /** `added`: partitions that were not here before. */
  readonly onAssigned: (lease: Lease, added: number) => void;
  readonly onFetched: (topic: string, bytes: number) => void;
  readonly onFetchFailed: (broker: number, error: ArchiverError) => void;
  readonly onLost: (reason: string) => void;
  readonly onRetentionNear: (text: string) => void;
  /** Offsets were left out because an operator said so. */
  readonly onGivenUp: (text: string) => void;
  /** For a job that ends: where each partition's log is taken to end. @default where it ends */
  readonly endsAt?: (topic: string, partition: number) => bigint | null;
  /** A partition goes on in another branch. */
  readonly onBranch: (text: string) => void;
  readonly about: Readonly<Record<string, string>>;
}

/** Plans in flight at most: what the committed metadata holds. */
const DEPTH = 4;
const TICK_MS = 50;
const POLL_MS = 1_000;
const DESK_MS = 250;
const CATALOGUE_MS = 30_000;
const RECHECK_MS = 600_000;
/** Answers are small against the memory: they are copied into batches at once. */
const FETCH = { maxWaitMs: 250, maxResponseBytes: 4 << 20, maxPartitionBytes: 4 << 20 };

/** Of one answer of Kafka, of which each pipeline has two at once; together no more than an eighth. */
export const fetchBytes = (memoryBytes: number, pipelines: number): number =>
  Math.floor(Math.min(FETCH.maxResponseBytes, memoryBytes / 16 / pipelines));

/** One pipeline at work: a member of its group, with a task for each partition it owns. */
export class Archiver {
  readonly partitions: Partitions;
  readonly member: GroupMember;
  readonly fetcher: Fetcher;
  readonly desk: OperatorDesk;
  readonly #o: ArchiverOptions;
  readonly #stop = new AbortController();
  readonly #offsets: OffsetStore;
  readonly #copyTurns = new CopyTurns();
  #lease: Lease | null = null;

  constructor(o: ArchiverOptions) {
    this.#o = o;
    const { clock, random, log, budget, pool, policy } = o;
    const turns = new Turns(budget, () => clock.now());
    this.#offsets = offsetStore(o.client, o.group, this.#stop.signal);
    this.partitions = new Partitions({
      policy,
      budget,
      turns,
      pool,
      clock,
      maxFetchBytes: FETCH.maxPartitionBytes,
      wakeFetcher: () => this.fetcher.wake(),
      onFetched: o.onFetched,
      onFetchFailed: o.onFetchFailed,
      onGivenUp: o.onGivenUp,
      endsAt: o.endsAt ?? (() => null),
      onOutOfRange: (scope, offset) =>
        void refuseOutOfRange(this, scope, offset, { log, signal: this.#stop.signal }),
      portsOf: (scope) => this.#portsOf(scope),
    });
    const fetch = { ...FETCH, maxResponseBytes: o.maxFetchBytes ?? FETCH.maxResponseBytes };
    const ports = { clock, random, log };
    this.fetcher = new Fetcher(o.client, o.catalogue, this.partitions, fetch, ports);
    this.member = this.#member();
    this.desk = new OperatorDesk({
      ...{ client: o.client, group: o.group, clock, log, partitions: this.partitions },
      topicId: (topic) => o.catalogue.get(topic)?.topicId ?? "_",
      lease: () => this.#lease,
      begin: (lease) => beginPartitions(this.#beginnings(), lease),
      perform: performRequest({
        ...{ partitions: this.partitions, sinks: o.sinks.map((s) => s.name) },
        inside: (...at) => insideBatch(this.fetcher, ...at),
        begin: () => beginPartitions(this.#beginnings(), this.#lease),
      }),
    });
  }

  #member(): GroupMember {
    const { client, catalogue, group, instanceId, sessionTimeoutMs, heartbeatMs, clock, log } =
      this.#o;
    return new GroupMember(
      client,
      {
        group,
        instanceId,
        sessionTimeoutMs,
        rebalanceTimeoutMs: sessionTimeoutMs,
        heartbeatMs,
        about: this.#o.about,
        topics: () => catalogue.topics.map((t) => t.topic),
        partitions: () =>
          catalogue.topics.flatMap((t) =>
            t.partitions.map(({ partition }) => ({ topic: t.topic, partition })),
          ),
      },
      {
        assigned: (lease) => this.#assigned(lease),
        lost: (reason) => this.#lost(reason),
      },
      { clock, log },
    );
  }

  /** What Kafka refuses or leaves unanswered now, of what this partition needs; null: nothing. */
  trouble({ topic, partition }: Scope): string | null {
    const { lastError } = this.member.state();
    if (lastError !== null) return lastError;
    const name = `${topic}/${partition}`;
    const refusal = this.fetcher.refusals().find((r) => r.partition === name);
    if (refusal !== undefined) return refusal.error;
    const leader = this.#o.catalogue.led(topic, partition)?.leader;
    const failing = this.fetcher.state().find((b) => b.broker === leader && b.status === "failing");
    return failing?.lastError ?? null;
  }

  /** Runs until stopped. Rejects with what an operator has to change. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    const { sinks } = this.#o;
    const away = { sinks, partitions: this.partitions };
    const guard = new RetentionGuard(this.fetcher, this.#o.onRetentionNear);
    const every = (ms: number, work: () => void | Promise<void>): Promise<void> =>
      repeat(ms, work, this.#o, signal);
    const loops = [
      every(TICK_MS, () => this.partitions.tick()),
      every(POLL_MS, () => pollEnds(this, signal)),
      every(POLL_MS, () => detachAway(away)),
      every(DESK_MS, () => this.desk.turn(signal)),
      every(CATALOGUE_MS, () => guard.look(away, signal)),
      every(CATALOGUE_MS, () => this.refreshTopics()),
      every(RECHECK_MS, () => this.#recheck()),
    ];
    try {
      await this.member.run();
    } finally {
      if (!signal.aborted)
        this.#stop.abort(new ArchiverError("interrupted", "the pipeline stopped"));
      await Promise.all(loops);
    }
  }

  /** Delivers what is ready, within the deadline, then gives the membership up. */
  async drain(deadlineMs: number): Promise<void> {
    const { clock } = this.#o;
    for (const { task } of this.partitions) task.dispatch({ of: "drain" });
    const until = clock.now() + deadlineMs;
    const busy = (): boolean =>
      [...this.partitions].some(
        ({ task }) => task.state.phase !== "stopped" && task.state.slots.length > 0,
      );
    while (busy() && clock.now() < until) await clock.sleep(20);
    this.partitions.endAll();
    await this.member.stop();
    this.fetcher.stop();
    this.#stop.abort(new ArchiverError("interrupted", "the pipeline was drained"));
  }

  #assigned(lease: Lease): void {
    const { partitions } = lease;
    this.#lease = lease;
    for (const { scope } of [...this.partitions]) {
      const kept = partitions.some(
        (p) => p.topic === scope.topic && p.partition === scope.partition,
      );
      if (!kept) this.partitions.end(scope.topic, scope.partition);
    }
    this.partitions.renew(lease);
    this.#o.onAssigned(lease, partitions.length - this.partitions.size);
    void beginPartitions(this.#beginnings(), lease);
  }

  #beginnings(): BeginningPorts {
    const { sinks, catalogue, clock, log, onBranch } = this.#o;
    const { partitions, fetcher, desk } = this;
    const own = { offsets: this.#offsets, lease: () => this.#lease, signal: this.#stop.signal };
    return { ...own, partitions, fetcher, desk, sinks, catalogue, clock, log, onBranch };
  }

  #lost(reason: string): void {
    this.#o.onLost(reason);
    this.#lease = null;
    this.partitions.endAll();
  }

  #portsOf(scope: Scope): Omit<TaskPorts, "scope" | "build"> {
    const o = this.#o;
    const judge = o.judge(this.fetcher, scope);
    const again = { ...o, fetcher: this.fetcher, scope, judge };
    const records = o.sinks.some((s) => s.sink.capabilities.accepts === "records");
    return {
      archiveId: o.archiveId,
      clusterId: o.clusterId,
      sinks: o.sinks,
      offsets: this.#offsets,
      sealer: o.sealer,
      log: logPort(again, scope, o.start),
      judge,
      budget: o.budget,
      clock: o.clock,
      random: o.random,
      failpoint: o.failpoint,
      depth: DEPTH,
      heldAway: (sink) => this.desk.holdsAway(scope, o.sinks[sink]?.name ?? ""),
      copyTurn: (sink, copy) => this.#copyTurns.run(sink, copy),
      recipe: o.recipe,
      records: records ? recordPort(again) : null,
      ...filesAgain(again),
      emit: (event) => {
        o.emit(scope, event);
        const cutShort = event.what === "stopped" && event.code === "log-changed";
        if (cutShort) void branchPartition(this.#beginnings(), scope);
      },
    };
  }

  /** Looks what Kafka has of the selected topics; what is new, or no longer selected, is assigned anew. */
  async refreshTopics(): Promise<void> {
    const before = new Map(this.#o.catalogue.topics.map((t) => [t.topic, t.topicId]));
    const changed = await this.#o.catalogue.refresh(this.#stop.signal);
    // It may have found leaders elsewhere, whose lanes wait for work.
    this.fetcher.wake();
    if (!changed) return;
    for (const t of this.#o.catalogue.topics) {
      const was = before.get(t.topic);
      if (was !== undefined && was !== t.topicId)
        this.partitions.recreated(
          t,
          was,
          this.#o.sinks.map((s) => s.name),
        );
    }
    this.member.rejoin();
  }

  async #recheck(): Promise<void> {
    for (const { task } of [...this.partitions]) await task.recheck(this.#stop.signal);
  }
}
