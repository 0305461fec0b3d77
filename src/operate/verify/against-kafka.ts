import type { Manifest } from "../../core/description.ts";
import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import { contentRecords } from "./content-records.ts";
import type { Opener } from "./deep-check.ts";
import { isDamage } from "./deep-check.ts";
import { entries } from "./entries.ts";
import type { CommittedHead } from "./committed-head.ts";
import type { ArchiveItem } from "./kafka-compare.ts";
import { KafkaCompare } from "./kafka-compare.ts";
import { readManifest } from "./own-manifest.ts";
import type { KafkaPartitionReport, KafkaReport, OffsetRange, Problem } from "./report.ts";
import { readStored } from "./stored-file.ts";
import type { LiveRange, TopicReader } from "./topic-items.ts";
import { topicItems } from "./topic-items.ts";

export interface KafkaOptions {
  readonly sinkName: string;
  readonly sink: Sink;
  readonly scopes: readonly Scope[];
  readonly reader: TopicReader;
  readonly open: Opener;
  /** Records compared so far, for progress. */
  readonly progress: (records: bigint) => void;
}

/** Every archived range against what the live topic shows there, record by record. */
export async function againstKafka(
  options: KafkaOptions,
  signal: AbortSignal,
): Promise<KafkaReport> {
  const sum = {
    compared: 0n,
    lost: 0n,
    duplicated: 0n,
    different: 0n,
    heads: 0,
    unexpected: 0n,
    explained: {
      aborted: 0n,
      control: 0n,
      compacted: 0n,
      deadLettered: 0n,
    },
    ...{
      goneByRetention: 0n,
      goneByCompaction: 0n,
    },
  };
  const partitions: KafkaPartitionReport[] = [];
  for (const scope of options.scopes) {
    const { report, compare, goneByRetention, headFound } = await comparePartition(
      options,
      scope,
      signal,
    );
    partitions.push(report);
    sum.goneByRetention += goneByRetention;
    if (headFound) sum.heads++;
    if (compare === undefined) continue;
    for (const count of [
      "compared",
      "lost",
      "duplicated",
      "different",
      "unexpected",
      "goneByCompaction",
    ] as const) {
      sum[count] += compare[count];
    }
    for (const kind of ["aborted", "control", "compacted", "deadLettered"] as const) {
      sum.explained[kind] += compare.explained[kind];
    }
  }
  const ok = partitions.every(({ problems }) => problems.length === 0);
  return { ok, sink: options.sinkName, ...sum, partitions };
}

interface Compared {
  readonly report: KafkaPartitionReport;
  readonly compare: KafkaCompare | undefined;
  readonly goneByRetention: bigint;
  readonly headFound: boolean;
}

async function comparePartition(
  options: KafkaOptions,
  scope: Scope,
  signal: AbortSignal,
): Promise<Compared> {
  const { topic, topicId, partition, branch } = scope;
  const about = { topic, topicId, partition, branch };
  const none = (note: string): Compared => {
    const report = { ...about, from: 0n, to: 0n, notArchived: 0n, note, problems: [] };
    return { report, compare: undefined, goneByRetention: 0n, headFound: false };
  };
  const newer = options.scopes.some(
    (s) =>
      s.topicId === topicId && s.topic === topic && s.partition === partition && s.branch > branch,
  );
  if (newer)
    return none("a later branch goes on: the topic was truncated, this one cannot be compared");
  let live = await options.reader.range(topic, topicId, partition, signal);
  if (live === undefined)
    return none("the topic is not in Kafka any more, or has another id: nothing to compare with");
  const extent = await extentOf(options, scope, live, signal);
  if (extent === undefined) return none("this sink has no batch of it");
  // A live daemon may have gone on since the topic was asked for its end.
  if (extent.end > live.end)
    live = (await options.reader.range(topic, topicId, partition, signal)) ?? live;
  const from = extent.start > live.start ? extent.start : live.start;
  // Committed means archived; what was committed after the last batch can only be markers.
  const reach =
    live.committed !== null && live.committed > extent.end ? live.committed : extent.end;
  const to = reach < live.end ? reach : live.end;
  const problems: Problem[] = [];
  if (extent.end > live.end) {
    const text = `the archive reaches ${extent.end}, the topic's records end at ${live.end}`;
    problems.push({ code: "beyond-kafka", start: live.end, text });
  }
  const wrongHead = headProblem(live.head ?? null, extent);
  if (wrongHead !== undefined) problems.push(wrongHead);
  const archive = new ArchiveItems(options, scope, { from, to: extent.end }, problems, signal);
  const compare = new KafkaCompare(archive.items(), live.compacted);
  let since = 0n;
  for await (const item of topicItems(options.reader, topic, partition, { from, to }, signal)) {
    await compare.take(item);
    if (++since % 10_000n === 0n) options.progress(10_000n);
  }
  await compare.finish(to);
  problems.push(...compare.problems);
  const goneByRetention = extent.gone + archive.before;
  const note =
    goneByRetention > 0n
      ? `${goneByRetention} archived records before ${from} are gone from Kafka by retention`
      : undefined;
  const notArchived = live.end > extent.end ? live.end - extent.end : 0n;
  const report = {
    ...about,
    from,
    to: to > from ? to : from,
    notArchived,
    ...(note === undefined ? {} : { note }),
    problems,
  };
  const headFound = extent.link !== undefined && wrongHead === undefined;
  return { report, compare, goneByRetention, headFound };
}

interface Extent {
  readonly start: bigint;
  readonly end: bigint;
  /** Records that Kafka's log start has passed. */
  readonly gone: bigint;
  /** Of the batch that ends where the committed head says; undefined: none does. */
  readonly link: string | undefined;
}

/** Where the sink's batches begin and end. */
async function extentOf(
  options: KafkaOptions,
  scope: Scope,
  { start: logStart, head }: LiveRange,
  signal: AbortSignal,
): Promise<Extent | undefined> {
  let extent: Omit<Extent, "link"> | undefined;
  let link: string | undefined;
  for await (const { manifest: m, there } of manifestsOf(options.sink, scope, signal)) {
    // Its data may have expired; that it was archived counts here.
    if (head?.end === m.end) ({ link } = m);
    if (!there) continue;
    const gone = (extent?.gone ?? 0n) + (m.end <= logStart ? m.records : 0n);
    const end = extent === undefined || m.end > extent.end ? m.end : extent.end;
    extent = { start: extent?.start ?? m.start, end, gone };
  }
  return extent === undefined ? undefined : { ...extent, link };
}

/** The group committed a head of the chain, and this is not how the chain goes here. */
function headProblem(head: CommittedHead | null, { link, end }: Extent): Problem | undefined {
  if (head === null || link === head.link) return undefined;
  if (link === undefined) {
    const text = `the group committed that a batch ends at ${head.end}; none does here, the chain reaches ${end}`;
    return { code: "head-missing", text };
  }
  const text = `the batch that ends at ${head.end} has link ${link}, the group committed ${head.link}`;
  return { code: "head-differs", text };
}

/**
 * Batches whose manifest can be read, and whether their file is there; what is wrong with others the
 * walk says.
 */
async function* manifestsOf(
  sink: Sink,
  scope: Scope,
  signal: AbortSignal,
): AsyncGenerator<{ readonly manifest: Manifest; readonly there: boolean }> {
  for await (const { start, manifest: listed, data } of entries(sink, scope, 0n, signal)) {
    if (listed === undefined) continue;
    const bytes = await sink.manifest({ ...scope, start }, signal);
    if (bytes === undefined) continue;
    const { manifest } = readManifest(bytes, { ...scope, start });
    if (manifest === undefined) continue;
    const { path, size } = manifest.seal;
    yield { manifest, there: data.some((file) => file.path === path && file.size === size) };
  }
}

/** The archive's side: each file opened in turn, its damage named, one file in memory at a time. */
class ArchiveItems {
  /** Records below the compared range. */
  before = 0n;
  readonly #options: KafkaOptions;
  readonly #scope: Scope;
  readonly #range: OffsetRange;
  readonly #problems: Problem[];
  readonly #signal: AbortSignal;

  constructor(
    options: KafkaOptions,
    scope: Scope,
    range: OffsetRange,
    problems: Problem[],
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#scope = scope;
    this.#range = range;
    this.#problems = problems;
    this.#signal = signal;
  }

  async *items(): AsyncGenerator<ArchiveItem> {
    const { sink, open } = this.#options;
    for await (const { manifest, there } of manifestsOf(sink, this.#scope, this.#signal)) {
      if (!there) continue;
      if (manifest.start >= this.#range.to) return;
      if (manifest.end <= this.#range.from) continue;
      yield { kind: "batch", manifest };
      try {
        const { bytes } = await readStored(sink, manifest, this.#signal);
        const { content } = await open(manifest, bytes ?? new Uint8Array(), this.#signal);
        for await (const record of contentRecords(manifest.format, content, manifest)) {
          if (record.offset < this.#range.from) this.before++;
          else yield { kind: "record", record };
        }
      } catch (error) {
        if (!isDamage(error)) throw error;
        this.#problems.push({
          code: "archive-unreadable",
          path: manifest.seal.path,
          start: manifest.start,
          text: error.message,
        });
      }
    }
  }
}
