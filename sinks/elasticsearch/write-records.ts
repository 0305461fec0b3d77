import { assert } from "../../src/core/assert.ts";
import type { Description } from "../../src/core/description.ts";
import { parse, stringify } from "../../src/core/json.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { RecordsDigest } from "../../src/record-batch/records-digest.ts";
import type { SealedBatch } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { ElasticsearchConfig } from "./elasticsearch-schema.ts";
import { answerOf, bulkAnswer, recordsById } from "./elasticsearch-answers.ts";
import type { WrittenRecords } from "./batch-documents.ts";
import { errorOf, isPassing, type Refusal } from "./elasticsearch-error.ts";
import type { Indices } from "./indices.ts";
import { deadLetterOf, documentId, documentOf } from "./record-documents.ts";
import { refusalIn, type SearchClient } from "./search-client.ts";

/** One document to be created, and the record it was made of. */
interface Pending {
  readonly index: string;
  readonly id: string;
  readonly text: string;
  readonly record: ArchivedRecord;
}

interface Rejected extends Pending {
  readonly refusal: Refusal;
}

const CREATED = 201;
const THERE = 409;
/** All that is read of an answer; the rest would be ten times as long. */
const ANSWER = "items.create.status,items.create.error";

/**
 * Creates a document for every record of a batch. What a mapping refuses goes to the dead-letter index
 * and is confirmed there; anything that may pass is raised, and the whole batch is written again: what
 * is there already is found equal.
 */
export class RecordWriter {
  readonly #config: ElasticsearchConfig;
  readonly #client: SearchClient;
  readonly #indices: Indices;

  constructor(config: ElasticsearchConfig, client: SearchClient, indices: Indices) {
    this.#config = config;
    this.#client = client;
    this.#indices = indices;
  }

  async write(batch: SealedBatch, signal: AbortSignal): Promise<WrittenRecords> {
    const { description: d } = batch;
    assert(batch.records !== undefined, `${d.batchId}: a sink of records gets records`);
    const digest = new RecordsDigest();
    let [pending, bytes, rejected] = [[] as Pending[], 0, 0];
    const flush = async (): Promise<void> => {
      const part = pending;
      [pending, bytes] = [[], 0];
      rejected += await this.#create(d, part, signal);
    };
    for await (const records of batch.records(signal)) {
      digest.add(records);
      for (const record of records) {
        const document = this.#pending(d, record);
        pending.push(document);
        bytes += document.text.length + 2 * document.id.length + 64;
        if (bytes >= this.#config.bulkBytes) await flush();
      }
    }
    if (pending.length > 0) await flush();
    const { records } = digest;
    const hex = digest.hex();
    if (records === d.records && (d.recordsDigest === undefined || d.recordsDigest === hex))
      return { rejected, recordsDigest: hex };
    const text = `${d.batchId}: ${records} records that are not the ${d.records} its description says`;
    throw new SinkError("sink-permanent", text);
  }

  #pending(d: Description, record: ArchivedRecord): Pending {
    return {
      index: this.#indices.ofRecord(d.topic, record.offset),
      id: documentId(d, record.offset),
      text: stringify(documentOf(d, record, this.#config.parseJson)),
      record,
    };
  }

  async #create(d: Description, pending: readonly Pending[], signal: AbortSignal): Promise<number> {
    for (const index of new Set(pending.map((p) => p.index)))
      await this.#indices.make(index, signal);
    const { there, rejected } = await this.#bulk(pending, signal);
    await this.#compare(there, signal);
    if (rejected.length > 0) await this.#bury(d, rejected, signal);
    return rejected.length;
  }

  /** Elasticsearch answers 200 whatever became of the items: each has a status of its own. */
  async #bulk(
    pending: readonly Pending[],
    signal: AbortSignal,
  ): Promise<{ there: Pending[]; rejected: Rejected[] }> {
    const lines = pending.flatMap((p) => [
      stringify({ create: { _index: p.index, _id: p.id } }),
      p.text,
    ]);
    const what = `bulk of ${pending.length} documents`;
    const query = { filter_path: ANSWER };
    const { body } = await this.#client.ask(
      { method: "POST", path: "/_bulk", query, lines, what },
      signal,
    );
    const { items } = answerOf(bulkAnswer, body, what);
    if (items.length !== pending.length) {
      const text = `${what}: Elasticsearch answered ${items.length} items`;
      throw new SinkError("sink-transient", text);
    }
    const there: Pending[] = [];
    const rejected: Rejected[] = [];
    for (const [i, p] of pending.entries()) {
      const item = items[i]?.create;
      const status = item?.status ?? 0;
      if (status === CREATED) continue;
      if (status === THERE) {
        there.push(p);
        continue;
      }
      const refusal: Refusal = { status, ...refusalIn(item) };
      const refused = isPassing(refusal) || status === 401 || status === 403;
      if (refused || status < 400) throw errorOf(refusal, `document ${p.id}`);
      rejected.push({ ...p, refusal });
    }
    return { there, rejected };
  }

  /** "There already" is no success by itself: it has to be the same document. */
  async #compare(there: readonly Pending[], signal: AbortSignal): Promise<void> {
    if (there.length === 0) return;
    const docs = there.map((p) => ({ _index: p.index, _id: p.id }));
    const what = `reading ${there.length} documents that are there`;
    const { body } = await this.#client.ask(
      { method: "POST", path: "/_mget", body: { docs }, what },
      signal,
    );
    const found = answerOf(recordsById, body, what).docs;
    for (const [i, p] of there.entries()) {
      const stored = found[i];
      if (stored?.found !== true) {
        const text = `document ${p.id} was answered as existing and is not there`;
        throw new SinkError("sink-transient", text);
      }
      if (stringify(stored._source) === stringify(parse(p.text))) continue;
      const text = `document ${p.id} in ${p.index} is there with another content`;
      throw new SinkError("sink-permanent", text);
    }
  }

  /** The raw bytes and the reason, by the document's own id, so that a second try finds them. */
  async #bury(d: Description, rejected: readonly Rejected[], signal: AbortSignal): Promise<void> {
    const index = this.#indices.deadLetters;
    await this.#indices.make(index, signal);
    const letters = rejected.map((r): Pending => {
      const { type, reason } = r.refusal;
      const text = stringify(deadLetterOf(d, r.record, d.batchId, { type, reason }));
      return { index, id: r.id, text, record: r.record };
    });
    const { rejected: again } = await this.#bulk(letters, signal);
    const [first] = again;
    if (first !== undefined) throw errorOf(first.refusal, `dead letter ${first.id}`);
  }
}
