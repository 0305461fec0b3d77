import type { ElasticsearchConfig } from "./elasticsearch-schema.ts";
import type { SearchClient } from "./search-client.ts";

const KEYWORD = { type: "keyword", ignore_above: 1024 } as const;
const PLACE = {
  topic: { type: "keyword" },
  topicId: { type: "keyword" },
  partition: { type: "integer" },
  branch: { type: "integer" },
} as const;

const RECORDS = {
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

const DEAD_LETTERS = {
  dynamic: false,
  properties: {
    ...PLACE,
    offset: { type: "long" },
    batchId: { type: "keyword" },
    type: { type: "keyword" },
    reason: { type: "text" },
  },
};

const BATCHES = {
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
  readonly #made = new Set<string>();

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

  async make(index: string, signal: AbortSignal): Promise<void> {
    if (this.#made.has(index)) return;
    const records = index !== this.batches && index !== this.deadLetters;
    const mappings =
      index === this.batches ? BATCHES : index === this.deadLetters ? DEAD_LETTERS : RECORDS;
    const settings = { ...(records ? RECORD_SETTINGS : {}), ...this.#config.indexSettings };
    const there = await this.#client.ask(
      { method: "HEAD", path: `/${path(index)}`, may: [404], what: `index ${index}` },
      signal,
    );
    if (there.status === 404) {
      const body = { settings, mappings };
      const asked = { method: "PUT", path: `/${path(index)}`, body, what: `creating ${index}` };
      const { status, body: answer } = await this.#client.ask(
        { ...asked, method: "PUT", may: [400] },
        signal,
      );
      const exists = JSON.stringify(answer).includes("resource_already_exists_exception");
      // Asked again without leniency, the same refusal is raised with its text.
      if (status === 400 && !exists) await this.#client.ask({ ...asked, method: "PUT" }, signal);
    }
    this.#made.add(index);
  }

  /** It may have been deleted. */
  forget(index: string): void {
    this.#made.delete(index);
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
}

export const path = (name: string): string => encodeURIComponent(name);
