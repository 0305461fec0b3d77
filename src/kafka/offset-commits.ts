import { ArchiverError } from "../core/errors.ts";
import type { KafkaClient } from "./client/kafka-client.ts";
import { type KafkaError, kafkaError } from "./kafka-error.ts";
import type { Lease } from "./lease.ts";
import {
  type CommitEntry,
  type CommittedOffset,
  offsetCommit,
  offsetFetch,
  type TopicPartition,
} from "./requests/offsets.ts";

/** The group has moved on: this lease is over. */
const FENCED = new Set(["ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID"]);
const WRONG_COORDINATOR = new Set(["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"]);

/**
 * Bytes of one OffsetCommit at most, about. The broker writes all of it as one record batch, and refuses
 * the whole when that is larger than `max.message.bytes` of its offsets topic (1 MB by default).
 */
const MAX_COMMIT_BYTES = 512 << 10;

interface Waiting {
  readonly lease: Lease;
  readonly entry: CommitEntry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits of many partitions in few requests: while one is under way, the next ones gather. Each entry
 * has its own outcome, and each request carries exactly one lease.
 */
export class OffsetCommits {
  readonly #client: KafkaClient;
  readonly #waiting: Waiting[] = [];
  readonly #signal: AbortSignal;
  #running = false;

  constructor(client: KafkaClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** Rejects with `fenced` when the lease is over, with `kafka-refused` when Kafka refused. */
  commit(lease: Lease, entry: CommitEntry): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lease, entry, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  /** Never rejects: every outcome goes to who waits for it. */
  async #run(): Promise<void> {
    this.#running = true;
    // Partitions that finished in the same turn of the event loop share a request.
    await Promise.resolve();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const { lease } = first;
      await this.#send(lease, this.#take(lease));
    }
    this.#running = false;
  }

  /** In order, one entry a partition: a second one of the same partition waits for the next request. */
  #take(lease: Lease): Waiting[] {
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    const seen = new Set<string>();
    let bytes = 0;
    for (const w of this.#waiting) {
      const key = `${w.entry.topic}/${w.entry.partition}`;
      const size = entryBytes(lease, w.entry);
      const fits = batch.length === 0 || bytes + size <= MAX_COMMIT_BYTES;
      if (w.lease === lease && !seen.has(key) && fits) {
        batch.push(w);
        bytes += size;
      } else left.push(w);
      seen.add(key);
    }
    this.#waiting.splice(0, this.#waiting.length, ...left);
    return batch;
  }

  async #send(lease: Lease, batch: readonly Waiting[]): Promise<void> {
    const entries = batch.map((w) => w.entry);
    try {
      const request = offsetCommit({ ...lease, entries });
      const answers = await this.#client.sendToCoordinator(
        lease.group,
        request,
        this.#signal,
        "offsets",
      );
      for (const w of batch) {
        const answer = answers.find((a) => sameTarget(a, w.entry));
        const error = refusal(answer?.error ?? -1, lease, w.entry);
        if (error === null) w.resolve();
        else this.#refused(lease, w, error);
      }
    } catch (error) {
      for (const w of batch) w.reject(error);
    }
  }

  #refused(lease: Lease, w: Waiting, error: ArchiverError | KafkaError): void {
    const code = "kafkaCode" in error ? error.kafkaCode : "";
    if (WRONG_COORDINATOR.has(code)) this.#client.forgetCoordinator(lease.group);
    w.reject(error);
  }
}

/** Group and topic are in the key of each record; the rest of a record is below 64 bytes. */
const entryBytes = (lease: Lease, e: CommitEntry): number =>
  64 + lease.group.length + e.topic.length + e.metadata.length;

const sameTarget = (a: TopicPartition, b: TopicPartition): boolean =>
  a.partition === b.partition && a.topic === b.topic;

function refusal(code: number, lease: Lease, e: CommitEntry): ArchiverError | null {
  const what = `commit of ${e.topic}/${e.partition} at ${e.offset}`;
  const error = kafkaError(code, what);
  if (error === undefined) return null;
  if (FENCED.has(error.kafkaCode)) {
    const text = `${what}: generation ${lease.generation} is over (${error.kafkaCode})`;
    return new ArchiverError("fenced", text, { cause: error });
  }
  if (error.kafkaCode === "OFFSET_METADATA_TOO_LARGE") {
    const text = `${what}: ${e.metadata.length} bytes of metadata are more than the broker's offset.metadata.max.bytes`;
    return new ArchiverError("assertion-failed", text, { cause: error });
  }
  return error;
}

/** What the group has committed, and only what can no longer change (`requireStable`); null: all of it. */
export async function readCommittedOffsets(
  client: KafkaClient,
  group: string,
  partitions: readonly TopicPartition[] | null,
  signal: AbortSignal,
): Promise<CommittedOffset[]> {
  try {
    return await client.sendToCoordinator(group, offsetFetch(group, partitions), signal, "offsets");
  } catch (error) {
    if (
      error instanceof Error &&
      "kafkaCode" in error &&
      WRONG_COORDINATOR.has(String(error.kafkaCode))
    ) {
      client.forgetCoordinator(group);
    }
    throw error;
  }
}
