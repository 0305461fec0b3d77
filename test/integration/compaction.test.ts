import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CODECS } from "../../src/record-batch/header.ts";
import { createTopic, named, sharedKafka } from "../kafka/live-kafka.ts";
import { cleaned, COMPACTED, visible } from "./compacted.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { record } from "./odd-records.ts";
import { RawProducer } from "./raw-producer.ts";

let topic = "";
let sent = 0;
let producer: RawProducer;
let lanes: Lanes;

/** Thirteen keys that are written again and again, some of them deleted, in every codec. */
async function produce(rounds: number): Promise<void> {
  for (let n = 0; n < rounds; n += 1) {
    const now = BigInt(Date.now());
    const records = Array.from({ length: 40 }, (_, i) => {
      const key = i % 4 === 0 ? `once ${sent + i}` : `k${(i * 7) % 13}`;
      return record(now, key, i % 9 === 4 ? null : `${sent + i} ${"x".repeat(i * 20)}`);
    });
    await producer.send(topic, 0, records, CODECS[n % CODECS.length]);
    sent += records.length;
  }
}

const here = (): Promise<number> => visible({ bootstrap: sharedKafka(), topic });

const clean = (before: number): Promise<void> =>
  cleaned({ bootstrap: sharedKafka(), topic }, before, async (n) => {
    await producer.send(topic, 0, [record(BigInt(Date.now()), `roll ${n % 2}`, "x")]);
    sent += 1;
  });

beforeAll(async () => {
  topic = await createTopic(named("compacted"), 1, sharedKafka(), { config: COMPACTED });
  producer = await RawProducer.open(sharedKafka(), null);
  const batch = "{ bytes: 8KiB, age: 300ms }";
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    lanes: [
      { name: "segment", topics: [topic], encrypted: true, batch },
      { name: "ndjson", topics: [topic], format: "ndjson", batch },
    ],
  });
});
afterAll(async () => {
  await lanes.close();
  await producer.close();
});

describe("a compacted topic", () => {
  it("that was cleaned before: what is left is archived, every hole is accounted for", async () => {
    await produce(10);
    await clean(sent / 2);
    lanes.start();
    for (const lane of ["segment", "ndjson"]) {
      await lanes.archived(lane, [topic]);
      const { records } = await lanes.audit(lane, topic);
      const manifests = manifestsOf(lanes.archive(lane), topic);
      const compacted = manifests.reduce((n, m) => n + m.compacted, 0);
      expect(records + compacted).toBe(sent);
      expect(compacted).toBeGreaterThan(sent / 2);
      const { againstKafka } = await lanes.verified(lane);
      expect(Number(againstKafka?.compared)).toBe(records);
      expect(Number(againstKafka?.explained.compacted)).toBe(compacted);
    }
  });

  it("that is cleaned afterwards: the archive keeps what the topic has lost", async () => {
    const kept = await here();
    await produce(5);
    const after = sent;
    for (const lane of ["segment", "ndjson"]) await lanes.archived(lane, [topic]);
    await clean(kept + (after - kept) / 4);
    for (const lane of ["segment", "ndjson"]) {
      await lanes.archived(lane, [topic]);
      const { extra } = await lanes.audit(lane, topic, { vanishedAllowed: true });
      expect(extra).toBeGreaterThan(100);
      const { againstKafka } = await lanes.verified(lane);
      expect(Number(againstKafka?.goneByCompaction)).toBe(extra);
    }
    await lanes.daemon.drain();
  });
});
