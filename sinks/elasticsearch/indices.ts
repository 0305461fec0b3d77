import { SinkError } from "../../src/sdk/sink-error.ts";
import { answerOf, indexAnswer } from "./elasticsearch-answers.ts";
import type { ElasticsearchConfig } from "./elasticsearch-schema.ts";
import type { SearchClient } from "./search-client.ts";

const KEYWORD = { type: "keyword", ignore_above: 1024 } as const;
const PLACE = {
  topic: { type: "keyword" },
  topicId: { type: "keyword" },
  partition: { type: "integer" },
  branch: { type: "integer" },
} as const;

const RECORDS: Mappings = {
  dynamic: false,
  properties: {
    "@timestamp": { type: "date", format: "epoch_millis" },
    ...PLACE,
    offset: { type: "long" },
    timestamp: { type: "long" },
    timestampType: { type: "keyword" },
    key: KEYWORD,
    value: { type: "text" },
    headers: { dynamic: false, properties: { key: KEYWORD, value: KEYWORD } },
    json: { type: "object", dynamic: true },
  },
};

const DEAD_LETTERS: Mappings = {
  dynamic: false,
  properties: {
    ...PLACE,
    offset: { type: "long" },
    batchId: { type: "keyword" },
    type: { type: "keyword" },
    reason: { type: "text" },
  },
};

const BATCHES: Mappings = {
  dynamic: false,
  properties: {
    kind: { type: "keyword" },
    ...PLACE,
    start: { type: "long" },
    end: { type: "long" },
    records: { type: "long" },
    rejected: { type: "long" },
    size: { type: "long" },
    minTimestamp: { type: "date", format: "epoch_millis", ignore_malformed: true },
    maxTimestamp: { type: "date", format: "epoch_millis", ignore_malformed: true },
    path: { type: "keyword" },
  },
};

/** By these it is found again what was written. */
const SEARCHED: ReadonlySet<string> = new Set([...Object.keys(PLACE), "kind", "start", "offset"]);

type Fields = Readonly<
  Record<string, { readonly type?: string | undefined; readonly [more: string]: unknown }>
>;

interface Mappings {
  readonly dynamic: boolean;
  readonly properties: Fields;
}

/** Not the fields below `json`, which may be a thousand. */
const SHOWN = { filter_path: "*.settings.index.uuid,*.mappings.properties.*.type" };

/** Beyond the limit of fields a value is stored without them instead of being refused. */
const RECORD_SETTINGS = { "index.mapping.total_fields.ignore_dynamic_beyond_limit": true };

/** Names of indices are lower case; `+` before a letter says that it is a capital in the topic's name. */
const escaped = (topic: string): string => topic.replace(/[A-Z]/g, (c) => `+${c.toLowerCase()}`);

/** The indices of one archive: their names, and that they are there. */
export class Indices {
  readonly batches: string;
  readonly deadLetters: string;
  readonly #config: ElasticsearchConfig;
  readonly #client: SearchClient;
  /** UUIDs of indices that were there. */
  readonly #known = new Map<string, string>();

  constructor(config: ElasticsearchConfig, client: SearchClient) {
    this.#config = config;
    this.#client = client;
    this.batches = `${config.indexPrefix}-batches`;
    this.deadLetters = `${config.indexPrefix}-dead-letters`;
  }

  /** A function of topic and offset, because an `_id` is unique only inside one index. */
  ofRecord(topic: string, offset: bigint): string {
    const range = offset / BigInt(this.#config.offsetsPerIndex);
    const number = range.toString().padStart(6, "0");
    return `${this.#config.indexPrefix}-records-${escaped(topic)}-${number}`;
  }

  ofRange(topic: string, start: bigint, end: bigint): readonly string[] {
    const per = BigInt(this.#config.offsetsPerIndex);
    const names: string[] = [];
    for (let at = start; at < end; at = (at / per + 1n) * per) names.push(this.ofRecord(topic, at));
    return names;
  }

  /**
   * Asked before every write: Elasticsearch makes an index that was deleted anew by itself when a document
   * is written to it, with mappings by which nothing is found again.
   * @throws SinkError `sink-permanent` when it has other mappings, or when it is that of the batches and is not
   * the one that was there: whoever goes on would leave a gap; `sink-transient` when it is another one
   */
  async make(index: string, signal: AbortSignal): Promise<void> {
    let uuid = await this.#found(index, signal);
    const known = this.#known.get(index);
    if (known !== undefined && known !== uuid) throw this.#lost(index);
    if (uuid === undefined) {
      await this.#create(index, signal);
      uuid = await this.#found(index, signal);
    }
    if (uuid === undefined) throw new SinkError("sink-transient", `index ${index} is gone again`);
    this.#known.set(index, uuid);
  }

  async #create(index: string, signal: AbortSignal): Promise<void> {
    const mappings = this.#mappingsOf(index);
    const records = mappings === RECORDS;
    const settings = { ...(records ? RECORD_SETTINGS : {}), ...this.#config.indexSettings };
    const body = { settings, mappings };
    const what = `creating ${index}`;
    const asked = { method: "PUT", path: `/${path(index)}`, body, what } as const;
    const { status, body: answer } = await this.#client.ask({ ...asked, may: [400] }, signal);
    const exists = JSON.stringify(answer).includes("resource_already_exists_exception");
    // Asked again without leniency, the same refusal is raised with its text.
    if (status === 400 && !exists) await this.#client.ask(asked, signal);
  }

  /** Its UUID, by which it differs from any other of that name; undefined when there is none. */
  async #found(index: string, signal: AbortSignal): Promise<string | undefined> {
    const what = `index ${index}`;
    const asked = { method: "GET", path: `/${path(index)}`, query: SHOWN, may: [404] } as const;
    const { status, body } = await this.#client.ask({ ...asked, what }, signal);
    if (status === 404) return undefined;
    const found = Object.values(answerOf(indexAnswer, body, what));
    for (const { mappings } of found) {
      expectMappings(index, mappings?.properties ?? {}, this.#mappingsOf(index));
    }
    return found
      .map(({ settings }) => settings.index.uuid)
      .toSorted()
      .join();
  }

  #lost(index: string): SinkError {
    const gone = `index ${index} was deleted, or put in place of the one that was there`;
    if (index === this.batches) {
      const text = `${gone}: restart every daemon that writes to it; it is then filled from the primary`;
      return new SinkError("sink-permanent", text);
    }
    this.#known.delete(index);
    const text = `${gone}: it goes on, without the documents of earlier batches that were in it`;
    return new SinkError("sink-transient", text);
  }

  /** So that searches see what was written. */
  async refresh(indices: readonly string[], signal: AbortSignal): Promise<boolean> {
    const asked = `/${indices.map(path).join(",")}/_refresh`;
    const query = { ignore_unavailable: "true" };
    const what = `refresh of ${indices.join(", ")}`;
    const { status } = await this.#client.ask(
      { method: "POST", path: asked, query, may: [404], what },
      signal,
    );
    return status !== 404;
  }

  #mappingsOf(index: string): Mappings {
    if (index === this.batches) return BATCHES;
    return index === this.deadLetters ? DEAD_LETTERS : RECORDS;
  }
}

/** Other fields may be as somebody likes them, who made the index or added to it. */
function expectMappings(index: string, there: Fields, wanted: Mappings): void {
  for (const [field, { type }] of Object.entries(wanted.properties)) {
    const has = there[field]?.type ?? "nothing";
    if (!SEARCHED.has(field) || has === type) continue;
    const text =
      `index ${index} has the field ${field} as ${has}, not as ${type}: it was not made by this sink, but perhaps ` +
      "by Elasticsearch when it had been deleted; delete it, and restart: what was in it is written again";
    throw new SinkError("sink-permanent", text);
  }
}

export const path = (name: string): string => encodeURIComponent(name);
