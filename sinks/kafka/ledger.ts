import type { ArchivedRecord } from "../../src/core/record.ts";
import { type Scope, scopeText } from "../../src/core/scope.ts";
import { within } from "../../src/kafka/client/within.ts";
import { fetchUncommitted } from "../../src/kafka/requests/fetch-uncommitted.ts";
import { recordBatches } from "../../src/record-batch/header.ts";
import { decodeRecords } from "../../src/record-batch/records.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { CommittedRecords } from "./committed-records.ts";
import { isKafkaError } from "./kafka-sink-error.ts";
import { ARCHIVE_KEY, type LedgerEntry, parseEntry, parseKey } from "./ledger-record.ts";
import { type Indexed, ScopeIndex } from "./scope-index.ts";
import type { TargetCluster } from "./target-cluster.ts";
import { sleep } from "./topics-of-target.ts";

const FETCH_BYTES = 4 << 20;
const WAIT_MS = 100;
const MOVED_MS = 50;
/** Answers without a step forward, in a row. */
const MAX_IDLE = 50;
/** Newest values that are kept, so that the usual questions need no request. */
const KEEP = 64;

/** The ledger topic as an index in memory, read on before every answer. */
export class Ledger {
  readonly topic: string;
  readonly #target: TargetCluster;
  #index = new Map<string, { readonly scope: Scope; readonly of: ScopeIndex }>();
  #committed = new CommittedRecords();
  #identity: Uint8Array | undefined;
  #next = 0n;
  readonly #values = new Map<bigint, LedgerEntry>();
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | null = null;

  constructor(target: TargetCluster, topic: string) {
    this.#target = target;
    this.topic = topic;
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

  identity(): Uint8Array | undefined {
    return this.#identity;
  }

  scopes(): readonly Scope[] {
    return [...this.#index.values()].map((i) => i.scope).toSorted(byName);
  }

  of(scope: Scope): ScopeIndex {
    return this.#index.get(scopeText(scope))?.of ?? new ScopeIndex();
  }

  /** @throws SinkError sink-transient when a newer record took its place meanwhile. */
  async value(indexed: Indexed, signal: AbortSignal): Promise<LedgerEntry> {
    const known = this.#values.get(indexed.at);
    if (known !== undefined) return known;
    const place = { topic: this.topic, partition: 0, offset: indexed.at, maxBytes: 1 };
    const found = await this.#target.sendToLeader(place, fetchUncommitted(place, 0), signal);
    if (found.error !== undefined) throw found.error;
    for (const { header, bytes } of recordBatches(found.records)) {
      if (header.control || header.nextOffset <= indexed.at) continue;
      const record = decodeRecords(bytes).find((r) => r.offset === indexed.at);
      const entry = record?.value == null ? undefined : parseEntry(record.value);
      if (entry !== undefined) return entry;
      break;
    }
    const text = `${this.topic}: what lay at offset ${indexed.at} was compacted; it is read again`;
    throw new SinkError("sink-transient", text);
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
        // No topic, no ledger: nothing was archived here yet.
        if (isKafkaError(error, "UNKNOWN_TOPIC_OR_PARTITION")) return this.#forget(0n);
        throw error;
      }
      const { error } = found;
      if (isKafkaError(error, "OFFSET_OUT_OF_RANGE")) {
        // Made anew, or cut at its beginning: everything is read again.
        this.#forget(found.logStartOffset > 0n ? found.logStartOffset : 0n);
        idle += 1;
      } else if (isKafkaError(error, "NOT_LEADER_OR_FOLLOWER", "LEADER_NOT_AVAILABLE")) {
        // Just made, or just moved: the leader does not know it yet.
        this.#target.forget(this.topic);
        await sleep(MOVED_MS, signal);
        idle += 1;
      } else if (error !== undefined) throw error;
      else {
        end ??= found.highWatermark;
        const { records, next } = this.#committed.read(found.records, this.#next);
        idle = next > this.#next ? 0 : idle + 1;
        this.#next = next;
        for (const record of records) this.#take(record);
      }
      if (idle > MAX_IDLE) {
        throw new SinkError("sink-transient", `${this.topic} cannot be read past ${this.#next}`);
      }
    }
  }

  #take(record: ArchivedRecord): void {
    const name = record.key === null ? "" : Buffer.from(record.key).toString("utf8");
    if (name === ARCHIVE_KEY) {
      this.#identity = record.value ?? undefined;
      return;
    }
    const key = parseKey(name);
    if (key === undefined) return;
    const id = scopeText(key);
    const { topic, topicId, partition, branch, start } = key;
    let index = this.#index.get(id);
    if (index === undefined) {
      index = { scope: { topic, topicId, partition, branch }, of: new ScopeIndex() };
      this.#index.set(id, index);
    }
    const entry = record.value === null ? undefined : parseEntry(record.value);
    if (entry === undefined) {
      index.of.drop(start);
      return;
    }
    const { is, size, format, codec, encrypted } = entry;
    index.of.put({ start, is, at: record.offset, size, kind: { format, codec, encrypted } });
    this.#values.set(record.offset, entry);
    const oldest = this.#values.keys().next();
    if (this.#values.size > KEEP && oldest.done !== true) this.#values.delete(oldest.value);
  }

  #forget(next: bigint): void {
    this.#index = new Map();
    this.#committed = new CommittedRecords();
    this.#identity = undefined;
    this.#values.clear();
    this.#next = next;
  }
}

/** By number where it is one. */
function byName(a: Scope, b: Scope): number {
  const [x, y] = [
    [a.topic, a.topicId],
    [b.topic, b.topicId],
  ].map((t) => t.join("/"));
  if (x !== y) return (x ?? "") < (y ?? "") ? -1 : 1;
  return a.partition - b.partition || a.branch - b.branch;
}
