import { assert } from "../../src/core/assert.ts";
import type { Description } from "../../src/core/description.ts";
import { encodeDescription } from "../../src/core/manifest.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import type { TopicPartition } from "../../src/kafka/requests/offsets.ts";
import { lineageOf, wasIn } from "../../src/record-batch/lineage.ts";
import { RecordsDigest } from "../../src/record-batch/records-digest.ts";
import type { SealedBatch } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { Runs } from "./copied-records.ts";
import type { LedgerEntry } from "./ledger-record.ts";
import type { ProducedRecord, TransactionalProducer } from "../../src/kafka/target/producer.ts";

export interface CopyOptions {
  readonly to: TopicPartition;
  /** Of the target: records that were there before are not copied again. */
  readonly targetClusterId: string;
  readonly lineage: boolean;
  /** Of one record batch, before compression. */
  readonly recordBatchBytes: number;
}

/** Attributes, deltas and lengths of one record in a record batch, at most. */
const RECORD_OVERHEAD_BYTES = 40;

/** Sends a batch's records in order, in a transaction that was begun; the ledger's entry for them. */
export async function copyBatch(
  batch: SealedBatch,
  o: CopyOptions,
  producer: TransactionalProducer,
  signal: AbortSignal,
): Promise<LedgerEntry> {
  const { description: d } = batch;
  assert(batch.records !== undefined, `${d.batchId}: a sink of records gets records`);
  const outgoing = new Outgoing(d, o, producer);
  const own = new RecordsDigest();
  let filtered = 0n;
  for await (const records of batch.records(signal)) {
    const kept = records.filter((r) => !wasIn(r, o.targetClusterId));
    own.add(kept);
    filtered += BigInt(records.length - kept.length);
    for (const record of kept) await outgoing.add(record, signal);
  }
  await outgoing.flush(signal);
  const digest = own.hex();
  const seen = own.records + filtered;
  // The description's digest is over all records: those that were filtered are only counted.
  const known = filtered === 0n ? d.recordsDigest : undefined;
  if (seen !== d.records || (known !== undefined && known !== digest)) {
    const text = `${d.batchId}: ${seen} records that are not the ${d.records} its description says`;
    throw new SinkError("sink-permanent", text);
  }
  const { from, to, runs, timestampType } = outgoing;
  return {
    ...entryOf(d),
    copied: {
      ...o.to,
      from,
      to,
      producerId: producer.ref.producerId,
      producerEpoch: producer.ref.epoch,
      records: own.records,
      filtered,
      digest,
      lineage: o.lineage,
      timestampType,
      ...(o.lineage ? {} : { runs: runs.text() }),
    },
  };
}

const entryOf = (d: Description): Omit<LedgerEntry, "copied"> => ({
  version: 1,
  is: "data",
  end: d.end,
  size: d.seal.size,
  format: d.format,
  codec: d.seal.codec,
  encrypted: d.seal.encryption !== "none",
  text: encodeDescription(d),
});

/** Collects records up to a record batch and sends it. */
class Outgoing {
  readonly runs: Runs;
  from = 0n;
  /** Exclusive. */
  to = 0n;
  timestampType: ArchivedRecord["timestampType"] = "CreateTime";
  readonly #lineage: ReturnType<typeof lineageOf>;
  readonly #o: CopyOptions;
  readonly #producer: TransactionalProducer;
  #records: ProducedRecord[] = [];
  #bytes = 0;

  constructor(d: Description, o: CopyOptions, producer: TransactionalProducer) {
    this.#o = o;
    this.#producer = producer;
    this.runs = new Runs(d.start);
    this.#lineage = lineageOf(d);
  }

  async add(record: ArchivedRecord, signal: AbortSignal): Promise<void> {
    const headers = this.#o.lineage ? this.#lineage(record) : record.headers;
    const { key, value, timestamp, timestampType, offset } = record;
    const produced = { key, value, timestamp, headers };
    const bytes = sizeOf(produced);
    if (this.#bytes + bytes > this.#o.recordBatchBytes) await this.flush(signal);
    this.#records.push(produced);
    this.#bytes += bytes;
    this.timestampType = timestampType;
    this.runs.add(offset);
  }

  async flush(signal: AbortSignal): Promise<void> {
    if (this.#records.length === 0) return;
    const records = this.#records;
    this.#records = [];
    this.#bytes = 0;
    const at = await this.#producer.send(this.#o.to, records, signal);
    if (this.to === 0n) this.from = at;
    this.to = at + BigInt(records.length);
  }
}

function sizeOf({ key, value, headers }: ProducedRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const h of headers) bytes += 10 + h.key.length + (h.value?.length ?? 0);
  return bytes;
}
