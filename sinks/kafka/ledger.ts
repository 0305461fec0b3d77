import type { ArchivedRecord } from "../../src/core/record.ts";
import { type Scope, scopeText } from "../../src/core/scope.ts";
import { fetchUncommitted } from "../../src/kafka/requests/fetch-uncommitted.ts";
import { wholeBatches } from "../../src/kafka/target/committed-records.ts";
import { decodeRecords } from "../../src/record-batch/records.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { CommittedLog } from "../../src/kafka/target/committed-log.ts";
import { ARCHIVE_KEY, type LedgerEntry, parseEntry, parseKey } from "./ledger-record.ts";
import { type Indexed, ScopeIndex } from "./scope-index.ts";
import type { TargetCluster } from "../../src/kafka/target/target-cluster.ts";

/** Newest values that are kept, so that the usual questions need no request. */
const KEEP = 64;

/** The ledger topic as an index in memory, read on before every answer. */
export class Ledger {
  readonly topic: string;
  readonly #target: TargetCluster;
  #index = new Map<string, { readonly scope: Scope; readonly of: ScopeIndex }>();
  readonly #log: CommittedLog;
  #identity: Uint8Array | undefined;
  readonly #values = new Map<bigint, LedgerEntry>();

  constructor(target: TargetCluster, topic: string) {
    this.#target = target;
    this.topic = topic;
    this.#log = new CommittedLog(target, topic, {
      take: (record) => this.#take(record),
      forget: () => this.#forget(),
    });
  }

  /** Everything that was committed when it was called is read when it resolves. */
  catchUp(signal: AbortSignal): Promise<void> {
    return this.#log.catchUp(signal);
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
    for (const { header, bytes } of wholeBatches(found.records)) {
      if (header.control || header.nextOffset <= indexed.at) continue;
      const record = decodeRecords(bytes).find((r) => r.offset === indexed.at);
      const entry = record?.value == null ? undefined : parseEntry(record.value);
      if (entry !== undefined) return entry;
      break;
    }
    const text = `${this.topic}: what lay at offset ${indexed.at} was compacted; it is read again`;
    throw new SinkError("sink-transient", text);
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

  #forget(): void {
    this.#index = new Map();
    this.#identity = undefined;
    this.#values.clear();
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
