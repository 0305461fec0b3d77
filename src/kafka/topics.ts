import { ArchiverError } from "../core/errors.ts";
import type { KafkaClient } from "./client/kafka-client.ts";
import type { PartitionMetadata, TopicMetadata } from "./requests/metadata.ts";

/** Topics by name or by regular expression. */
export type TopicSelector = string | { readonly regex: string };

/** The topics that the configuration selects, as Kafka last described them. */
export class TopicCatalogue {
  readonly #client: KafkaClient;
  #names: readonly string[] = [];
  #patterns: readonly RegExp[] = [];
  #topics = new Map<string, TopicMetadata>();
  /** Of the same topics: where each partition is, by number. */
  #places = new Map<string, Map<number, PartitionMetadata>>();
  #clusterId = "_";
  #asked: ReturnType<KafkaClient["metadata"]> | null = null;

  constructor(client: KafkaClient, selectors: readonly TopicSelector[]) {
    this.#client = client;
    this.select(selectors);
  }

  /** Other topics from the next `refresh` on. */
  select(selectors: readonly TopicSelector[]): void {
    this.#names = selectors.filter((s) => typeof s === "string");
    this.#patterns = selectors
      .filter((s) => typeof s !== "string")
      .map((s) => new RegExp(s.regex, "u"));
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  get topics(): readonly TopicMetadata[] {
    return [...this.#topics.values()];
  }

  get(topic: string): TopicMetadata | undefined {
    return this.#topics.get(topic);
  }

  /** Undefined while the partition is not known or has no leader. */
  led(topic: string, partition: number): PartitionMetadata | undefined {
    const found = this.#places.get(topic)?.get(partition);
    return found === undefined || found.leader < 0 ? undefined : found;
  }

  /**
   * Looks where the known partitions are led now. What else changed (a new topic, more partitions, another
   * topic id) stays for `refresh` to report, so that no change is lost on who only asked for leaders.
   */
  async refreshLeaders(signal: AbortSignal): Promise<void> {
    const found = await this.#client.metadata([...this.#topics.keys()], signal);
    for (const t of found.topics) {
      const places = this.#places.get(t.topic);
      if (places === undefined || this.#topics.get(t.topic)?.topicId !== t.topicId) continue;
      for (const p of t.partitions) if (places.has(p.partition)) places.set(p.partition, p);
    }
  }

  /** Whether the topic of that name still is the one of this id: it may have been deleted and made again. */
  async isStill(
    { topic, topicId }: { topic: string; topicId: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    // Many partitions ask at once when they begin, and none may end it for the others.
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = null;
    });
    const { topics } = await this.#asked;
    signal.throwIfAborted();
    return topics.some((t) => t.topic === topic && t.topicId === topicId);
  }

  #ask(): ReturnType<KafkaClient["metadata"]> {
    return this.#client.metadata([...this.#topics.keys()], new AbortController().signal);
  }

  /**
   * Asks Kafka again; true when topics or partition counts changed. Internal topics (`__…`) are never
   * matched by an expression.
   * @throws ArchiverError topic-missing when a named topic does not exist (`requireNamed`)
   */
  async refresh(signal: AbortSignal, requireNamed = false): Promise<boolean> {
    const all = this.#patterns.length > 0;
    const found = await this.#client.metadata(all ? null : this.#names, signal);
    this.#clusterId = found.clusterId;
    const selected = new Map<string, TopicMetadata>();
    for (const t of found.topics) {
      if (t.error === undefined && this.#selects(t)) selected.set(t.topic, t);
      else if (t.error !== undefined && t.error.code === "kafka-auth") throw t.error;
    }
    const missing = this.#names.filter((n) => !selected.has(n));
    if (requireNamed && missing.length > 0) {
      throw new ArchiverError(
        "topic-missing",
        `Kafka has no topic ${missing.map((n) => `"${n}"`).join(", ")}${nearest(missing, found.topics)}`,
      );
    }
    // A topic that is not shown for a moment (an election, a slow broker) keeps what was known of it.
    const passing = found.topics.filter((t) => t.error?.retriable === true && exists(t));
    for (const name of [...missing, ...passing.map((t) => t.topic)]) {
      const known = this.#topics.get(name);
      if (known !== undefined && !selected.has(name)) selected.set(name, known);
    }
    const changed = !sameShape(this.#topics, selected);
    this.#topics = selected;
    this.#places = new Map(
      [...selected].map(([name, t]) => [name, new Map(t.partitions.map((p) => [p.partition, p]))]),
    );
    return changed;
  }

  #selects(t: TopicMetadata): boolean {
    if (this.#names.includes(t.topic)) return true;
    if (t.internal || t.topic.startsWith("__")) return false;
    return this.#patterns.some((p) => p.test(t.topic));
  }
}

/** It has an error, but it is there. */
const exists = (t: TopicMetadata): boolean =>
  t.error?.kafkaCode !== "UNKNOWN_TOPIC_OR_PARTITION" && t.error?.kafkaCode !== "UNKNOWN_TOPIC_ID";

function sameShape(
  a: ReadonlyMap<string, TopicMetadata>,
  b: ReadonlyMap<string, TopicMetadata>,
): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([name, t]) => {
    const other = b.get(name);
    return other?.topicId === t.topicId && other.partitions.length === t.partitions.length;
  });
}

function nearest(missing: readonly string[], topics: readonly TopicMetadata[]): string {
  const close = topics.filter(
    (t) =>
      t.error === undefined &&
      missing.some((m) => t.topic.toLowerCase().includes(m.toLowerCase().slice(0, 4))),
  );
  const names = close.slice(0, 3).map((t) => `"${t.topic}"`);
  return names.length === 0 ? "" : `; there is ${names.join(", ")}`;
}
