import type { Description, Manifest } from "../../src/core/description.ts";
import { dataPath, manifestPath } from "../../src/core/layout.ts";
import {
  descriptionOf,
  encodeDescription,
  encodeManifest,
  parseManifest,
} from "../../src/core/manifest.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { batchId, type BatchKey, type Scope } from "../../src/core/scope.ts";
import type { TopicPartition } from "../../src/kafka/requests/offsets.ts";
import { encodeIdentity, parseIdentity } from "../../src/sdk/identity.ts";
import type {
  ArchiveIdentity,
  ByteRange,
  Capabilities,
  Finding,
  Host,
  Listed,
  Published,
  SealedBatch,
  Sink,
  State,
} from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { BatchStates, missing } from "./batch-states.ts";
import { copiedRecords } from "./copied-records.ts";
import { copyBatch } from "./copy-batch.ts";
import { findings } from "./findings.ts";
import type { KafkaSinkConfig } from "./kafka-schema.ts";
import { sinkErrorOf, told } from "./kafka-sink-error.ts";
import { Ledger } from "./ledger.ts";
import { ARCHIVE_KEY, encodeEntry, keyText } from "./ledger-record.ts";
import { COPY_SETTINGS, LEDGER_SETTINGS } from "../../src/kafka/target/topic-settings.ts";
import { ledgerTopicOf, targetTopicOf, transactionalIdOf } from "./naming.ts";
import type { TransactionalProducer } from "../../src/kafka/target/producer.ts";
import type { TargetCluster } from "../../src/kafka/target/target-cluster.ts";
import { ensureTopic, sleep } from "../../src/kafka/target/topics-of-target.ts";
import { Transactions, type Work } from "../../src/kafka/target/transactions.ts";

const CAPABILITIES: Capabilities = {
  accepts: "records",
  createOnly: "atomic",
  setAside: false,
  remove: false,
  backfill: "append-only",
  evidence: "read-back",
  maxBatchBytes: Number.MAX_SAFE_INTEGER,
};

/** A commit is seen by readers when its markers are written, soon after it is decided. */
const SEEN = { everyMs: 5, tries: 4_000 };

/** Another Kafka cluster: a batch's records and its ledger record in one transaction. */
export class KafkaSink implements Sink {
  readonly capabilities = CAPABILITIES;
  readonly #config: KafkaSinkConfig;
  readonly #host: Host;
  readonly #target: TargetCluster;
  readonly #ledger: Ledger;
  readonly #transactions: Transactions;
  readonly #states: BatchStates;

  constructor(config: KafkaSinkConfig, host: Host, target: TargetCluster) {
    this.#config = config;
    this.#host = host;
    this.#target = target;
    this.#ledger = new Ledger(target, ledgerTopicOf(config));
    this.#states = new BatchStates(target, this.#ledger);
    this.#transactions = new Transactions(target, {
      transactionTimeoutMs: config.transactionTimeout,
      codec: config.compression,
    });
  }

  check(signal: AbortSignal): Promise<readonly Finding[]> {
    const { topic } = this.#ledger;
    return told(async () => {
      await this.#ledger.catchUp(signal);
      const copied = this.#ledger.scopes().map((s) => targetTopicOf(this.#config, s.topic));
      const place = { target: this.#target, transactions: this.#transactions, ledger: topic };
      const { recordBatchBytes } = this.#config;
      return findings({ ...place, copied: [...new Set(copied)], recordBatchBytes }, signal);
    });
  }

  claim(identity: ArchiveIdentity, signal: AbortSignal): Promise<ArchiveIdentity> {
    const value = Buffer.from(encodeIdentity(identity), "utf8");
    return told(async () => {
      const replicationFactor = this.#config.replicationFactor;
      const ledger = { topic: this.#ledger.topic, partitions: 1, settings: LEDGER_SETTINGS };
      await ensureTopic(this.#target, { ...ledger, replicationFactor }, signal);
      return this.#transactions.once(
        {
          transactionalId: `${this.#ledger.topic}/claim`,
          partitions: [this.#place],
          look: (s) => this.#identity(s),
          write: (producer, s) => this.#note(producer, ARCHIVE_KEY, value, s),
          written: (s) => this.#seen(() => this.#claimed(), s),
        },
        signal,
      );
    });
  }

  identity(signal: AbortSignal): Promise<ArchiveIdentity | undefined> {
    return told(() => this.#identity(signal));
  }

  publish(batch: SealedBatch, signal: AbortSignal): Promise<Published> {
    const { description: d } = batch;
    return told(async () => {
      const to = await this.#targetOf(d, signal);
      const { lineage, recordBatchBytes } = this.#config;
      const targetClusterId = await this.#target.clusterId(signal);
      const options = { to, targetClusterId, lineage, recordBatchBytes };
      const write = async (producer: TransactionalProducer, s: AbortSignal): Promise<void> => {
        const entry = await copyBatch(batch, options, producer, s);
        await this.#note(producer, keyText(d), encodeEntry(entry), s);
      };
      const look = (s: AbortSignal): Promise<Published | undefined> => this.#states.compared(d, s);
      return this.#create(d, { partitions: [to, this.#place], look, write, to: "data" }, signal);
    });
  }

  describe(manifest: Manifest, signal: AbortSignal): Promise<Published> {
    const text = encodeManifest(manifest);
    const about = encodeDescription(descriptionOf(manifest));
    const look = async (s: AbortSignal): Promise<Published | undefined> => {
      const entry = await this.#states.entry(manifest, s);
      if (entry === undefined) throw missing(manifest);
      if (entry.is === "whole" && entry.text === text) return { outcome: "equal" };
      if (entry.is === "data" && entry.text === about) return undefined;
      return { outcome: "different", state: await this.#states.state(manifest, "bytes", s) };
    };
    const write = async (producer: TransactionalProducer, s: AbortSignal): Promise<void> => {
      const entry = await this.#states.entry(manifest, s);
      if (entry === undefined) throw missing(manifest);
      const value = encodeEntry({ ...entry, is: "whole", text });
      await this.#note(producer, keyText(manifest), value, s);
    };
    const partitions = [this.#place];
    return told(() => this.#create(manifest, { partitions, look, write, to: "whole" }, signal));
  }

  stat(key: BatchKey, evidence: "cheap" | "bytes", signal: AbortSignal): Promise<State> {
    return told(() => this.#states.state(key, evidence, signal));
  }

  floor(scope: Scope, offset: bigint, signal: AbortSignal): Promise<Manifest | undefined> {
    return told(async () => {
      await this.#ledger.catchUp(signal);
      const found = this.#ledger.of(scope).wholeFloor(offset);
      if (found === undefined) return undefined;
      const { text } = await this.#ledger.value(found, signal);
      return parseManifest(Buffer.from(text, "utf8"));
    });
  }

  async *list(scope: Scope, from: bigint, signal: AbortSignal): AsyncGenerator<Listed> {
    await told(() => this.#ledger.catchUp(signal));
    for (const { start, is, size, kind } of this.#ledger.of(scope).from(from)) {
      const key = { ...scope, start };
      const data = { path: dataPath(key, kind), size };
      yield is === "whole"
        ? { start, data, manifest: { path: manifestPath(key) } }
        : { start, data };
    }
  }

  async *scopes(signal: AbortSignal): AsyncGenerator<Scope> {
    await told(() => this.#ledger.catchUp(signal));
    yield* this.#ledger.scopes();
  }

  manifest(key: BatchKey, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return told(async () => {
      const entry = await this.#states.entry(key, signal);
      return entry?.is === "whole" ? Buffer.from(entry.text, "utf8") : undefined;
    });
  }

  // oxlint-disable-next-line require-yield -- records have no file
  async *read(d: Description, _range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    signal.throwIfAborted();
    throw new SinkError("sink-permanent", `${batchId(d)}: this sink holds records, not files`);
  }

  async *readRecords(
    key: BatchKey,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ArchivedRecord[]> {
    const entry = await told(() => this.#states.entry(key, signal));
    if (entry === undefined) throw missing(key);
    try {
      yield* copiedRecords(this.#target, entry.copied, key.start, signal);
    } catch (error) {
      throw sinkErrorOf(error);
    }
  }

  close(): Promise<void> {
    return this.#target.close();
  }

  get #place(): TopicPartition {
    return { topic: this.#ledger.topic, partition: 0 };
  }

  async #identity(signal: AbortSignal): Promise<ArchiveIdentity | undefined> {
    await this.#ledger.catchUp(signal);
    return this.#claimed();
  }

  #claimed(): ArchiveIdentity | undefined {
    const stored = this.#ledger.identity();
    return stored === undefined ? undefined : parseIdentity(stored);
  }

  /** The partition of the same number in the target's topic, which is made when it is missing. */
  async #targetOf(d: Description, signal: AbortSignal): Promise<TopicPartition> {
    const topic = targetTopicOf(this.#config, d.topic);
    if (topic === d.topic && d.clusterId === (await this.#target.clusterId(signal))) {
      const text = `${topic} would be copied into itself: name a topicPrefix or another cluster`;
      throw new SinkError("sink-permanent", text);
    }
    const { replicationFactor, topicSettings } = this.#config;
    const partitions = Math.max(this.#host.partitionCount?.(d.topic) ?? 1, d.partition + 1);
    const settings = { ...COPY_SETTINGS, ...topicSettings };
    await ensureTopic(this.#target, { topic, partitions, replicationFactor, settings }, signal);
    return { topic, partition: d.partition };
  }

  /** One batch's ledger record, created only: `look` says what is there before. */
  #create(
    d: Description,
    what: Pick<Work<Published>, "partitions" | "look" | "write"> & {
      readonly to: "data" | "whole";
    },
    signal: AbortSignal,
  ): Promise<Published> {
    const transactionalId = transactionalIdOf(this.#ledger.topic, d);
    const created = (): Published | undefined => {
      const is = this.#ledger.of(d).get(d.start)?.is;
      return is === what.to ? { outcome: "created" } : undefined;
    };
    const written = (s: AbortSignal): Promise<Published> => this.#seen(created, s);
    return this.#transactions.once({ ...what, transactionalId, written }, signal);
  }

  /** Reads the ledger on until it shows what was committed. */
  async #seen<T>(shown: () => T | undefined, signal: AbortSignal): Promise<T> {
    for (let tries = 0; tries < SEEN.tries; tries += 1) {
      await this.#ledger.catchUp(signal);
      const found = shown();
      if (found !== undefined) return found;
      await sleep(SEEN.everyMs, signal);
    }
    const text = `${this.#ledger.topic}: committed, and not to be seen yet`;
    throw new SinkError("sink-transient", text);
  }

  async #note(
    producer: TransactionalProducer,
    key: string,
    value: Buffer,
    signal: AbortSignal,
  ): Promise<void> {
    const record = { key: Buffer.from(key), value, headers: [], timestamp: BigInt(Date.now()) };
    await producer.send(this.#place, [record], signal);
  }
}
