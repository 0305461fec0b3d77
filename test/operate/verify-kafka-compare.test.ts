import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { againstKafka } from "../../src/operate/verify/against-kafka.ts";
import { foreignOpener } from "../../src/operate/verify/foreign-opener.ts";
import type { KafkaReport } from "../../src/operate/verify/report.ts";
import type { TopicReader } from "../../src/operate/verify/topic-items.ts";
import { batchBytes, type SampleRecord } from "./batch-bytes.ts";
import {
  drop,
  never,
  newSink,
  SampleChain,
  SCOPE,
  sealed,
  type SampleSink,
} from "./sample-archive.ts";

/** A partition as a broker keeps it: transactions interleaved, one aborted, one compacted away. */
const P1 = { producerId: 1n, transactional: true };
const P2 = { producerId: 2n, transactional: true };
const value = (offset: bigint, text = "v"): SampleRecord => ({
  offset,
  timestamp: 1_700_000_000_000n + offset,
  key: Buffer.from(`k${offset}`),
  value: Buffer.from(text),
});
const marker = (offset: bigint, of: { producerId: bigint }, type: 0 | 1): Buffer => {
  const key = Buffer.from([0, 0, 0, type]);
  return batchBytes([{ offset, key, value: Buffer.alloc(6) }], {
    ...of,
    transactional: true,
    control: true,
  });
};
const COMMITTED = [value(0n), value(1n), value(5n), value(9n)];
const ABORTED = [{ producerId: 1n, firstOffset: 2n }];
const LOG = [
  batchBytes(COMMITTED.slice(0, 2), P2),
  batchBytes([value(2n), value(3n)], P1),
  marker(4n, P1, 0),
  batchBytes([value(5n)], { ...P1, codec: 4 }),
  marker(6n, P1, 1),
  marker(7n, P2, 1),
  // 8 was compacted away.
  batchBytes([value(9n)], { codec: 1 }),
];

/**
 * Serves the log as fetches do: from the batch that holds the offset, cut off after `limit` bytes.
 */
const reader = (
  log: readonly Buffer[],
  limit: number,
  start = 0n,
  compacted = true,
): TopicReader => ({
  range: async () => ({ start, end: 10n, compacted, committed: null }),
  fetch: async (_topic, _partition, offset) => {
    const from = log.findIndex((b) => b.readBigInt64BE(0) + BigInt(b.readInt32BE(23)) >= offset);
    const first = log[from]?.length ?? 0;
    return {
      bytes: Buffer.concat(log.slice(from)).subarray(0, Math.max(limit, first)),
      aborted: ABORTED.filter(() => offset <= 4n),
    };
  },
});

describe("the archive against the live topic", () => {
  let sink: SampleSink;
  beforeEach(async () => {
    sink = await newSink("files");
  });
  afterEach(() => drop(sink));

  /** Holes as the topic has them; the records may not be the topic's. */
  const archive = async (records: readonly SampleRecord[]): Promise<void> => {
    const { description, bytes } = sealed({ format: "segment", encrypted: false }, 0n, records);
    const holes = [
      { from: 2n, to: 4n, reason: "aborted" as const },
      { from: 4n, to: 5n, reason: "control" as const },
      { from: 6n, to: 8n, reason: "control" as const },
      { from: 8n, to: 9n, reason: "compacted" as const },
    ];
    const counts = { records: 4n, aborted: 2n, control: 3n, compacted: 1n, holes };
    await new SampleChain([sink]).publish({ description: { ...description, ...counts }, bytes });
  };
  const compare = (from: TopicReader): Promise<KafkaReport> =>
    againstKafka(
      {
        sinkName: "files",
        sink: sink.sink,
        scopes: [SCOPE],
        reader: from,
        open: foreignOpener([]),
        progress: () => undefined,
      },
      never,
    );
  const codes = (report: KafkaReport): string[] =>
    report.partitions.flatMap((p) => p.problems.map((x) => `${x.code}@${x.start}`));

  it.each([1, 150, 1 << 20])("explains every offset, with fetches of %i bytes", async (limit) => {
    await archive(COMMITTED);
    const report = await compare(reader(LOG, limit));
    expect(codes(report)).toEqual([]);
    expect(report).toMatchObject({
      ok: true,
      compared: 4n,
      lost: 0n,
      duplicated: 0n,
      different: 0n,
      unexpected: 0n,
    });
    expect(report.explained).toEqual({ aborted: 2n, control: 3n, compacted: 1n, deadLettered: 0n });
  });

  it("names a lost, a different and an aborted record that was archived", async () => {
    await archive([value(0n), value(1n, "w"), value(3n), value(9n)]);
    const report = await compare(reader(LOG, 1 << 20));
    expect(codes(report)).toEqual(["different@1", "unexpected@3", "lost@5"]);
    expect(report).toMatchObject({
      ok: false,
      compared: 3n,
      lost: 1n,
      different: 1n,
      unexpected: 1n,
    });
  });

  it("tells null from empty, header order, and the timestamp's type", async () => {
    const headers = [
      ["a", null],
      ["b", Buffer.alloc(0)],
    ] as const;
    const kafka = { ...value(0n), value: null, headers };
    await archive([{ ...kafka, value: Buffer.alloc(0) }, ...COMMITTED.slice(1)]);
    const log = (r: SampleRecord, appendTime = false): readonly Buffer[] => [
      batchBytes([r], { appendTime }),
      batchBytes([value(1n)]),
      ...LOG.slice(1),
    ];
    expect((await compare(reader(log(kafka), 999))).partitions[0]?.problems[0]?.text).toContain(
      "the value of offset 0",
    );
    const turned = { ...kafka, value: Buffer.alloc(0), headers: headers.toReversed() };
    expect((await compare(reader(log(turned), 999))).partitions[0]?.problems[0]?.text).toContain(
      "header 0",
    );
    const same = { ...kafka, value: Buffer.alloc(0) };
    expect(codes(await compare(reader(log(same), 999)))).toEqual([]);
    const typed = await compare(reader(log(same, true), 999));
    expect(typed.partitions[0]?.problems[0]?.text).toContain("the timestamp's type");
  });

  it("says what retention and compaction took since, and doubts it elsewhere", async () => {
    await archive(COMMITTED);
    const late = await compare(reader(LOG.slice(2), 999, 4n));
    expect(late).toMatchObject({ ok: true, compared: 2n, goneByRetention: 2n });
    expect(late.partitions[0]?.note).toContain("2 archived records before 4");
    const without = [...LOG.slice(0, 3), ...LOG.slice(4)];
    expect(await compare(reader(without, 999))).toMatchObject({
      ok: true,
      goneByCompaction: 1n,
      compared: 3n,
    });
    expect(codes(await compare(reader(without, 999, 0n, false)))).toEqual(["unexpected@5"]);
  });

  it("notices batches that were removed from the tip, by what the group committed", async () => {
    await archive(COMMITTED);
    const more = batchBytes([value(10n), value(11n)]);
    const log = [...LOG, more, marker(12n, P1, 1)];
    const until = (committed: bigint): TopicReader => ({
      ...reader(log, 999),
      range: async () => ({ start: 0n, end: 13n, compacted: true, committed }),
    });
    const lagging = await compare(until(10n));
    expect(codes(lagging)).toEqual([]);
    expect(lagging.partitions[0]?.notArchived).toBe(3n);
    expect(codes(await compare(until(11n)))).toEqual(["lost@10"]);
    expect(codes(await compare(until(13n)))).toEqual(["lost@10", "lost@11"]);
  });

  it("notices an archive longer than the topic, and a topic that gives nothing", async () => {
    await archive(COMMITTED);
    const short: TopicReader = {
      ...reader(LOG, 999),
      range: async () => ({ start: 0n, end: 6n, compacted: false, committed: null }),
    };
    expect(codes(await compare(short))).toEqual(["beyond-kafka@6"]);
    const silent: TopicReader = {
      ...reader(LOG, 999),
      fetch: async () => ({ bytes: new Uint8Array(), aborted: [] }),
    };
    await expect(compare(silent)).rejects.toMatchObject({ code: "kafka-refused" });
    const gone: TopicReader = { ...reader(LOG, 999), range: async () => undefined };
    expect((await compare(gone)).partitions[0]?.note).toContain("not in Kafka any more");
  });
});
