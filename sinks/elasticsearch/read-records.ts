import type { Description } from "../../src/core/description.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { recordsDigestOf } from "../../src/record-batch/records-digest.ts";
import { answerOf, Progress, recordsAnswer } from "./elasticsearch-answers.ts";
import type { WrittenRecords } from "./batch-documents.ts";
import { type Indices, path } from "./indices.ts";
import { recordOfDeadLetter, recordOfDocument } from "./record-documents.ts";
import type { SearchClient } from "./search-client.ts";

/** Bytes of one page of an answer, about. */
const PAGE_BYTES = 8 << 20;
const MAX_PAGE = 5_000;

type Source = Readonly<Record<string, unknown>>;

interface Hit {
  readonly _source: Source;
  readonly sort: readonly unknown[];
}

export class RecordReader {
  readonly #client: SearchClient;
  readonly #indices: Indices;

  constructor(client: SearchClient, indices: Indices) {
    this.#client = client;
    this.#indices = indices;
  }

  /** In offset order; what a mapping refused is read from the dead letters. */
  async *read(
    d: Description,
    rejected: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ArchivedRecord[]> {
    const indices = this.#indices.ofRange(d.topic, d.start, d.end);
    await this.#indices.refresh(indices, signal);
    const dead = rejected === 0 ? [] : await this.#deadLetters(d, signal);
    let next = 0;
    for await (const hits of this.#pages(indices, d, signal)) {
      const page = hits.map((h) => recordOfDocument(h._source));
      const out: ArchivedRecord[] = [];
      for (const record of page) {
        for (; (dead[next]?.offset ?? record.offset) < record.offset; next += 1) {
          out.push(dead[next] as ArchivedRecord);
        }
        // A record that was refused once and taken later is the document.
        if (dead[next]?.offset === record.offset) next += 1;
        out.push(record);
      }
      yield out;
    }
    if (next < dead.length) yield dead.slice(next);
  }

  /** Why the documents are not the batch's records; undefined when they are. */
  async problem(
    d: Description,
    { rejected, recordsDigest }: WrittenRecords,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const found = await recordsDigestOf(this.read(d, rejected, signal));
    if (found.records !== d.records) {
      return `${d.batchId}: ${found.records} of its ${d.records} records are there`;
    }
    const wanted = d.recordsDigest ?? recordsDigest;
    if (wanted === undefined || found.digest === wanted) return undefined;
    return `${d.batchId}: its documents are not the records that were written (digest)`;
  }

  async #deadLetters(d: Description, signal: AbortSignal): Promise<readonly ArchivedRecord[]> {
    const { deadLetters } = this.#indices;
    await this.#indices.refresh([deadLetters], signal);
    const found: ArchivedRecord[] = [];
    for await (const hits of this.#pages([deadLetters], d, signal)) {
      found.push(...hits.map((h) => recordOfDeadLetter(h._source)));
    }
    return found;
  }

  async *#pages(
    indices: readonly string[],
    d: Description,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Hit[]> {
    const average = Number(d.seal.contentSize) / Math.max(1, Number(d.records));
    const size = Math.max(1, Math.min(MAX_PAGE, Math.floor(PAGE_BYTES / Math.max(1, average))));
    const { topic, topicId, partition, branch } = d;
    const filter = [
      ...[{ topic }, { topicId }, { partition }, { branch }].map((term) => ({ term })),
      { range: { offset: { gte: d.start, lt: d.end } } },
    ];
    const where = indices.map(path).join(",");
    let after: readonly unknown[] | undefined;
    const what = `records of ${d.batchId}`;
    const progress = new Progress(what);
    for (;;) {
      const body = {
        size,
        query: { bool: { filter } },
        sort: [{ offset: "asc" }],
        track_total_hits: false,
        ...(after === undefined ? {} : { search_after: after }),
      };
      const query = { ignore_unavailable: "true" };
      const asked = { method: "POST", path: `/${where}/_search`, query, body } as const;
      const answer = await this.#client.ask({ ...asked, what }, signal);
      const { hits } = answerOf(recordsAnswer, answer.body, what).hits;
      if (hits.length > 0) yield hits;
      if (hits.length < size) return;
      after = progress.after(hits.at(-1)?.sort);
    }
  }
}
