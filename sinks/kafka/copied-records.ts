import type { ArchivedRecord } from "../../src/core/record.ts";
import { fetchUncommitted } from "../../src/kafka/requests/fetch-uncommitted.ts";
import { verifyCrc } from "../../src/record-batch/crc.ts";
import { recordBatches } from "../../src/record-batch/header.ts";
import { ownHeaders } from "../../src/record-batch/lineage.ts";
import { recordsDigestOf } from "../../src/record-batch/records-digest.ts";
import { decodeRecords } from "../../src/record-batch/records.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { isKafkaError } from "../../src/kafka/target/kafka-answers.ts";
import type { Copied } from "./ledger-record.ts";
import type { TargetCluster } from "../../src/kafka/target/target-cluster.ts";

const FETCH_BYTES = 4 << 20;
const WAIT_MS = 100;

/** The records that a ledger entry speaks of are not there as they were. */
class LostRecords extends SinkError {
  constructor(text: string) {
    super("sink-permanent", text);
  }
}

/** Source offsets as `gap+length` runs from `start` on; the inverse of `offsetsOfRuns`. */
export class Runs {
  readonly #parts: string[] = [];
  #from: bigint;
  #next: bigint;
  #length = 0;

  constructor(start: bigint) {
    this.#from = start;
    this.#next = start;
  }

  add(offset: bigint): void {
    if (offset !== this.#next && this.#length > 0) this.#turn();
    if (this.#length === 0) this.#parts.push(`${offset - this.#from}`);
    this.#length += 1;
    this.#next = offset + 1n;
  }

  text(): string {
    if (this.#length > 0) this.#turn();
    return this.#parts.join(" ");
  }

  #turn(): void {
    this.#parts.push(`${this.#parts.pop() ?? ""}+${this.#length}`);
    this.#from = this.#next;
    this.#length = 0;
  }
}

function* offsetsOfRuns(start: bigint, runs: string): Generator<bigint> {
  let at = start;
  for (const run of runs === "" ? [] : runs.split(" ")) {
    const [gap = "", length = ""] = run.split("+");
    at += BigInt(gap);
    for (const end = at + BigInt(length); at < end; at += 1n) yield at;
  }
}

/**
 * The copied records of a batch that begins at `start`, as they were in the source. Other producers'
 * records that lie between are passed over.
 *
 * @throws LostRecords
 */
export async function* copiedRecords(
  target: TargetCluster,
  c: Copied,
  start: bigint,
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedRecord[]> {
  const offsets = offsetsOfRuns(start, c.runs ?? "");
  const of = `${c.topic}/${c.partition}, offsets ${c.from} to ${c.to}`;
  for (let at = c.from; at < c.to;) {
    const place = { topic: c.topic, partition: c.partition, offset: at, maxBytes: FETCH_BYTES };
    const found = await fetched(target, place, of, signal);
    const before = at;
    for (const { header, bytes } of recordBatches(found)) {
      if (header.nextOffset <= at || header.baseOffset >= c.to) continue;
      at = header.nextOffset;
      const ours = header.producerId === c.producerId && header.producerEpoch === c.producerEpoch;
      if (header.control || !ours) continue;
      if (!verifyCrc(bytes)) throw new LostRecords(`${of}: a record batch has a wrong CRC32C`);
      const records = decodeRecords(bytes).filter((r) => r.offset >= c.from && r.offset < c.to);
      yield records.map((r) => asInSource(r, c, offsets, of));
    }
    if (at === before) throw new LostRecords(`${of}: nothing is left from ${at} on`);
  }
}

async function fetched(
  target: TargetCluster,
  place: { topic: string; partition: number; offset: bigint; maxBytes: number },
  of: string,
  signal: AbortSignal,
): Promise<Buffer> {
  try {
    const answer = await target.sendToLeader(place, fetchUncommitted(place, WAIT_MS), signal);
    if (isKafkaError(answer.error, "OFFSET_OUT_OF_RANGE"))
      // Where the log begins is not said with this error: brokers answer -1.
      throw new LostRecords(`${of}: they are no longer in the log`);
    if (answer.error !== undefined) throw answer.error;
    return answer.records;
  } catch (error) {
    if (isKafkaError(error, "UNKNOWN_TOPIC_OR_PARTITION"))
      throw new LostRecords(`${of}: there is no such topic`);
    throw error;
  }
}

function asInSource(
  record: ArchivedRecord,
  c: Copied,
  offsets: Generator<bigint>,
  of: string,
): ArchivedRecord {
  const { timestampType } = c;
  if (!c.lineage) {
    const next = offsets.next();
    if (next.done === true) throw new LostRecords(`${of}: more records than were copied`);
    return { ...record, offset: next.value, timestampType };
  }
  const own = ownHeaders(record);
  if (own === undefined) throw new LostRecords(`${of}: offset ${record.offset} lost its lineage`);
  return { ...record, ...own, timestampType };
}

/** Why the copy is not what the ledger says; undefined when it is. */
export async function copyProblem(
  target: TargetCluster,
  c: Copied,
  start: bigint,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const read = await recordsDigestOf(copiedRecords(target, c, start, signal));
    if (read.records !== c.records) {
      return `${c.topic}/${c.partition} has ${read.records} records of it, ${c.records} were copied`;
    }
    if (read.digest === c.digest) return undefined;
    return `the records in ${c.topic}/${c.partition} are not those that were copied (digest)`;
  } catch (error) {
    if (error instanceof LostRecords) return error.message;
    throw error;
  }
}
