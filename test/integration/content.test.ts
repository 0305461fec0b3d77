import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CODECS } from "../../src/record-batch/header.ts";
import { createTopic, named, send, sharedKafka } from "../kafka/live-kafka.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { bigRecord, bulkRecords, oddRecords } from "./odd-records.ts";
import { RawProducer } from "./raw-producer.ts";

/** Whatever a producer writes, in every codec at once, in both formats and under every compression. */
const FOREVER = { "retention.ms": "-1" };
const LANES = [
  { name: "segment", encrypted: true, compression: "{ codec: zstd }" },
  { name: "plain", compression: "{ codec: none }" },
  { name: "packed", compression: "{ codec: gzip, recompress: always }" },
  { name: "ndjson", format: "ndjson", encrypted: true, compression: "{ codec: zstd }" },
  { name: "lines", format: "ndjson", compression: "{ codec: gzip }" },
] as const;
const at = BigInt(Date.now());
let topics: { mixed: string; stamped: string };
const sent = { mixed: 0, stamped: 0 };
let lanes: Lanes;

async function fill(topic: string, big: boolean): Promise<number> {
  const p = await RawProducer.open(sharedKafka(), null);
  let count = 0;
  const put = async (...args: Parameters<RawProducer["send"]>): Promise<void> => {
    await p.send(...args);
    count += args[2].length;
  };
  for (const [i, codec] of CODECS.entries()) {
    await put(topic, 0, oddRecords(at - BigInt(i) * 1_000n), codec);
    await put(topic, 0, bulkRecords(at, 150), codec);
    // librdkafka's own compressors; it stamps the records itself.
    await send(
      { topic, codec },
      Array.from({ length: 50 }, (_, n) => `${codec} line ${n}`),
    );
    count += 50;
  }
  if (big) {
    const [a, b] = [bigRecord(at, "uncompressed"), bigRecord(at, "compressed")];
    await put(topic, 0, [a], "none");
    await put(topic, 0, [...oddRecords(at), b, ...oddRecords(at)], "lz4");
  }
  await put(topic, 1, oddRecords(at), "snappy");
  await p.close();
  return count;
}

beforeAll(async () => {
  const stamped = { ...FOREVER, "message.timestamp.type": "LogAppendTime" };
  topics = {
    mixed: await createTopic(named("mixed"), 2, sharedKafka(), { config: FOREVER }),
    stamped: await createTopic(named("stamped"), 2, sharedKafka(), { config: stamped }),
  };
  sent.mixed = await fill(topics.mixed, true);
  sent.stamped = await fill(topics.stamped, false);
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    lanes: LANES.map((l) => ({ ...l, topics: Object.values(topics) })),
  });
  lanes.start();
});
afterAll(() => lanes.close());

describe("any records", () => {
  it.each(LANES.map((l) => l.name))("are archived exactly: lane %s", async (lane) => {
    await lanes.archived(lane, Object.values(topics));
    for (const which of ["mixed", "stamped"] as const) {
      const found = await lanes.audit(lane, topics[which]);
      expect(found.records).toBe(sent[which]);
      expect(found.files).toBeGreaterThan(2);
    }
    const { againstKafka } = await lanes.verified(lane);
    expect(Number(againstKafka?.compared)).toBe(sent.mixed + sent.stamped);
    const manifests = manifestsOf(lanes.archive(lane), topics.mixed);
    expect(manifests.reduce((n, m) => n + m.records, 0)).toBe(sent.mixed);
    expect(Math.max(...manifests.map((m) => m.seal.contentSize))).toBeGreaterThan(10_000_000);
  });

  it("and cat prints them as the lines of the archive", async () => {
    const args = ["--identity", lanes.identity, "--topic", topics.mixed, "--partition", "1"];
    const [segment, ndjson] = await Promise.all(
      ["segment", "ndjson"].map((sink) => lanes.cli("cat", "--sink", sink, ...args)),
    );
    expect(segment?.code).toBe(0);
    expect(segment?.stdout.trimEnd().split("\n").length).toBe(oddRecords(0n).length);
    expect(ndjson?.stdout).toBe(segment?.stdout);
    await lanes.daemon.drain();
  });
});
