import type { ArchivedRecord } from "../../core/record.ts";
import { within } from "../client/within.ts";
import { fetchUncommitted } from "../requests/fetch-uncommitted.ts";
import { listOffsets } from "../requests/offsets.ts";
import { SinkError } from "../../sdk/sink-error.ts";
import { CommittedRecords } from "./committed-records.ts";
import { isKafkaError } from "./kafka-answers.ts";
import type { TargetCluster } from "./target-cluster.ts";
import { sleep } from "./topics-of-target.ts";

const FETCH_BYTES = 4 << 20;
const WAIT_MS = 100;
const MOVED_MS = 50;
const ELSEWHERE = [
  "NOT_LEADER_OR_FOLLOWER",
  "LEADER_NOT_AVAILABLE",
  "UNKNOWN_TOPIC_OR_PARTITION",
] as const;
/** Answers without a step forward, in a row. */
const MAX_IDLE = 50;

/** Who keeps what the log says. */
export interface LogReader {
  take(record: ArchivedRecord): void;
  /** Everything that was taken is void: the topic is gone, was made anew or was cut at its beginning. */
  forget(): void;
}

/** The committed records of partition 0 of a topic, each handed on once, read on when asked. */
export class CommittedLog {
  readonly topic: string;
  readonly #target: TargetCluster;
  readonly #reader: LogReader;
  #committed = new CommittedRecords();
  #next = 0n;
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | null = null;

  constructor(target: TargetCluster, topic: string, reader: LogReader) {
    this.#target = target;
    this.topic = topic;
    this.#reader = reader;
  }

  /** Everything that was committed when it was called is read when it resolves. */
  async catchUp(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // One read at a time; who comes while one runs shares the next.
    this.#queued ??= this.#running.then(() => {
      this.#queued = null;
      const run = this.#read(new AbortController().signal);
      this.#running = Promise.allSettled([run]).then(() => undefined);
      return run;
    });
    await within(this.#queued, Number.POSITIVE_INFINITY, "the ledger", signal);
  }

  async #read(signal: AbortSignal): Promise<void> {
    let end: bigint | null = null;
    let idle = 0;
    while (end === null || this.#next < end) {
      const place = { topic: this.topic, partition: 0, offset: this.#next, maxBytes: FETCH_BYTES };
      let found;
      try {
        const request = fetchUncommitted(place, end === null ? 0 : WAIT_MS);
        found = await this.#target.sendToLeader(place, request, signal);
      } catch (error) {
        // No topic, no ledger: nothing was written here yet.
        if (isKafkaError(error, "UNKNOWN_TOPIC_OR_PARTITION")) return this.#forget(0n);
        throw error;
      }
      const { error } = found;
      if (isKafkaError(error, "OFFSET_OUT_OF_RANGE")) {
        // Made anew, or cut at its beginning: everything is read again. Where it begins is asked: the refusal
        // itself often says -1.
        this.#forget(await this.#beginning(signal));
        idle += 1;
      } else if (isKafkaError(error, ...ELSEWHERE)) {
        // Just made, just moved, or gone: its leader is looked up anew.
        this.#target.forget(this.topic);
        await sleep(MOVED_MS, signal);
        idle += 1;
      } else if (error !== undefined) throw error;
      else {
        end ??= found.highWatermark;
        const { records, next } = this.#committed.read(found.records, this.#next);
        idle = next > this.#next ? 0 : idle + 1;
        this.#next = next;
        for (const record of records) this.#reader.take(record);
      }
      if (idle > MAX_IDLE) {
        throw new SinkError("sink-transient", `${this.topic} cannot be read past ${this.#next}`);
      }
    }
  }

  async #beginning(signal: AbortSignal): Promise<bigint> {
    const place = { topic: this.topic, partition: 0 };
    const request = listOffsets([place], "earliest");
    const [found] = await this.#target.sendToLeader(place, request, signal);
    if (found?.error !== undefined) throw found.error;
    return found?.offset ?? 0n;
  }

  #forget(next: bigint): void {
    this.#committed = new CommittedRecords();
    this.#next = next;
    this.#reader.forget();
  }
}
