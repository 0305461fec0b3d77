import type { Description } from "../../src/core/description.ts";
import { batchId, type BatchKey, type Scope } from "../../src/core/scope.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import {
  answerOf,
  type FoundDocument,
  listedAnswer,
  Progress,
  scopesAnswer,
  storedAnswer,
  storedAnswers,
  textsAnswer,
} from "./elasticsearch-answers.ts";
import { type Indices, path } from "./indices.ts";
import type { SearchClient } from "./search-client.ts";

/** `data`: the description, when every record is there; `manifest`: last. */
export type Kind = "data" | "manifest";

export interface Stored extends WrittenRecords {
  readonly text: string;
  /** Changes with every write of the document. */
  readonly tag: string;
}

/** What the writer of a batch's documents saw of its records. */
export interface WrittenRecords {
  /** Records in the dead-letter index. */
  readonly rejected: number;
  /** As `recordsDigest` of docs/format.md, which a description need not have; absent without documents. */
  readonly recordsDigest?: string;
}

export interface StoredBatch {
  readonly data: Stored | undefined;
  readonly manifest: Stored | undefined;
}

const ARCHIVE = "archive";
const PAGE = 1_000;
/** For error texts. */
const BATCHES = "batches";

const idOf = (kind: Kind, key: BatchKey): string => `${kind}/${batchId(key)}`;

/** The batches index: documents that are created once and never changed. */
export class BatchDocuments {
  readonly #client: SearchClient;
  readonly #indices: Indices;

  constructor(client: SearchClient, indices: Indices) {
    this.#client = client;
    this.#indices = indices;
  }

  /** Whoever writes knows this index from now on, and no other in its place. */
  begin(signal: AbortSignal): Promise<void> {
    return this.#indices.make(this.#indices.batches, signal);
  }

  async identity(signal: AbortSignal): Promise<string | undefined> {
    return (await this.#get(ARCHIVE, signal))?.text;
  }

  async claim(text: string, signal: AbortSignal): Promise<void> {
    await this.#create(ARCHIVE, { kind: "archive", text }, signal);
  }

  /** By id, which sees every write at once. */
  async get(key: BatchKey, signal: AbortSignal): Promise<StoredBatch> {
    const ids = (["data", "manifest"] as const).map((kind) => idOf(kind, key));
    const asked = { method: "POST", path: `/${path(this.#indices.batches)}/_mget` } as const;
    const what = `batch ${batchId(key)}`;
    const { status, body } = await this.#client.ask(
      { ...asked, body: { ids }, may: [404], what },
      signal,
    );
    if (status === 404) return { data: undefined, manifest: undefined };
    const [data, manifest] = answerOf(storedAnswers, body, what).docs;
    return { data: storedIn(data), manifest: storedIn(manifest) };
  }

  /**
   * False when a document of this id is there.
   * @param stored its text is the description or the manifest, encoded
   */
  create(
    kind: Kind,
    d: Description,
    stored: Omit<Stored, "tag">,
    signal: AbortSignal,
  ): Promise<boolean> {
    return this.#create(idOf(kind, d), documentOf(kind, d, stored), signal);
  }

  /** The manifest with the greatest start ≤ `offset`. */
  async floor(scope: Scope, offset: bigint, signal: AbortSignal): Promise<string | undefined> {
    const body = {
      size: 1,
      query: within(scope, ["manifest"], { lte: offset }),
      sort: [{ start: "desc" }],
    };
    const answer = await this.#ask({ ...body, track_total_hits: false }, signal);
    if (answer === undefined) return undefined;
    return answerOf(textsAnswer, answer, BATCHES).hits.hits[0]?._source.text;
  }

  /** Data and manifest documents, ascending by start. */
  async *list(
    scope: Scope,
    from: bigint,
    signal: AbortSignal,
  ): AsyncGenerator<{ kind: Kind; start: bigint; path: string; size: number }> {
    let after: readonly unknown[] | undefined;
    const progress = new Progress(BATCHES);
    for (;;) {
      const body = {
        size: PAGE,
        _source: ["kind", "start", "path", "size"],
        query: within(scope, ["data", "manifest"], { gte: from }),
        sort: [{ start: "asc" }, { kind: "asc" }],
        ...(after === undefined ? {} : { search_after: after }),
      };
      const answer = await this.#ask({ ...body, track_total_hits: false }, signal);
      if (answer === undefined) return;
      const { hits } = answerOf(listedAnswer, answer, BATCHES).hits;
      for (const { _source } of hits) yield _source;
      if (hits.length < PAGE) return;
      after = progress.after(hits.at(-1)?.sort);
    }
  }

  /** In the order of their names and numbers. */
  async *scopes(signal: AbortSignal): AsyncGenerator<Scope> {
    const sources = ["topic", "topicId", "partition", "branch"].map((field) => ({
      [field]: { terms: { field } },
    }));
    const query = { terms: { kind: ["data", "manifest"] } };
    let after: unknown;
    const progress = new Progress(BATCHES);
    for (;;) {
      const composite = { size: PAGE, sources, ...(after === undefined ? {} : { after }) };
      const asked = { size: 0, query, aggs: { scopes: { composite } } };
      const answer = await this.#ask(asked, signal);
      if (answer === undefined) return;
      const { scopes } = answerOf(scopesAnswer, answer, BATCHES).aggregations;
      for (const { key } of scopes.buckets) yield key;
      if (scopes.buckets.length < PAGE) return;
      after = progress.after(scopes.after_key);
    }
  }

  async #get(id: string, signal: AbortSignal): Promise<Stored | undefined> {
    const at = `/${path(this.#indices.batches)}/_doc/${path(id)}`;
    const what = `document ${id}`;
    const asked = { method: "GET", path: at, may: [404], what } as const;
    const { status, body } = await this.#client.ask(asked, signal);
    return status === 404 ? undefined : storedIn(answerOf(storedAnswer, body, what));
  }

  async #create(id: string, body: object, signal: AbortSignal): Promise<boolean> {
    await this.#indices.make(this.#indices.batches, signal);
    const at = `/${path(this.#indices.batches)}/_create/${path(id)}`;
    const asked = { method: "PUT", path: at, body, may: [409], what: `document ${id}` } as const;
    const { status } = await this.#client.ask(asked, signal);
    return status !== 409;
  }

  /** Undefined when there is no such index. A search sees what was written before the refresh. */
  async #ask(body: object, signal: AbortSignal): Promise<unknown> {
    const { batches } = this.#indices;
    if (!(await this.#indices.refresh([batches], signal))) return undefined;
    const at = `/${path(batches)}/_search`;
    const asked = { method: "POST", path: at, body, may: [404], what: BATCHES } as const;
    const { status, body: answer } = await this.#client.ask(asked, signal);
    return status === 404 ? undefined : answer;
  }
}

const within = (scope: Scope, kinds: readonly Kind[], start: object): object => ({
  bool: {
    filter: [
      { terms: { kind: kinds } },
      ...["topic", "topicId", "partition", "branch"].map((field) => ({
        term: { [field]: scope[field as keyof Scope] },
      })),
      { range: { start } },
    ],
  },
});

function storedIn(found: FoundDocument | undefined): Stored | undefined {
  if (found?.found !== true) return undefined;
  const { text, rejected, recordsDigest } = found._source ?? {};
  if (text === undefined) {
    throw new SinkError("sink-permanent", "a document of the batches index has no text");
  }
  const tag = `${String(found._primary_term)}.${String(found._seq_no)}`;
  const digest = recordsDigest === undefined ? {} : { recordsDigest };
  return { text, tag, rejected: rejected ?? 0, ...digest };
}

/** The text as every sink has it, and beside it what is worth searching for. */
function documentOf(kind: Kind, d: Description, stored: Omit<Stored, "tag">): object {
  const { topic, topicId, partition, branch, start, end, records } = d;
  const { minTimestamp, maxTimestamp, format } = d;
  const { path: file, size, codec, encryption } = d.seal;
  const place = { topic, topicId, partition, branch, start, end };
  const about = { records, minTimestamp, maxTimestamp, format, codec, encryption };
  return { kind, ...place, ...about, path: file, size, ...stored };
}
