import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { decodePlans, encodePlans } from "../../../src/core/plan-codec.ts";
import { cleaned, COMPACTED, visible } from "../../integration/compacted.ts";
import { record } from "../../integration/odd-records.ts";
import { RawProducer } from "../../integration/raw-producer.ts";
import { until } from "../../kafka/live-kafka.ts";
import { batchesOf, contentOf, namesOf, replacedSince } from "../../operate/archive-damage.ts";
import { killedWhen } from "../../operate/cli-process.ts";
import { AUDITED } from "../promises.ts";
import type { FaultCase, Stage } from "../stage.ts";
import { stillArchived, topicNow } from "./kept.ts";
import { rewriteMetadata } from "./offsets.ts";

const TOPIC_RESOURCE = 2;
const SMALL = "{ bytes: 8KiB, age: 300ms }";

/** Thirteen keys that are written again and again: most of it goes when the topic is compacted. */
async function rewritten(s: Stage, producer: RawProducer): Promise<void> {
  for (let round = 0; round < 12; round += 1) {
    const now = BigInt(Date.now());
    const records = Array.from({ length: 40 }, (_, i) =>
      record(now, `k${i % 13}`, `${round} ${i} ${"x".repeat(i)}`),
    );
    await producer.send(s.topic, 0, records, "zstd");
  }
}

/** A plan is pending while the cleaner takes what it was made of. */
const compactedMeanwhile = (name: string, step: string, made: "anew" | "as it was"): FaultCase => ({
  name,
  shows: [...AUDITED, "stays-archived"],
  partitions: 1,
  run: async (s) => {
    const configEntries = Object.entries(COMPACTED).map(([key, value]) => ({ name: key, value }));
    const resources = [{ type: TOPIC_RESOURCE, name: s.topic, configEntries }];
    await s.admin.alterConfigs({ validateOnly: false, resources });
    const { bootstrap } = s.kafka;
    const at = { bootstrap, topic: s.topic };
    const producer = await RawProducer.open(bootstrap, null);
    try {
      await rewritten(s, producer);
      const config = s.config("c.yaml");
      await s.diesAt(config, step);
      const before = await topicNow(s);
      await cleaned(at, before.length / 2, (n) =>
        producer.send(s.topic, 0, [record(BigInt(Date.now()), `roll ${n % 2}`, "x")]),
      );
      const left = await visible(at);
      s.injected.push(
        `killed ${step}; then ${before.length} records are compacted to ${left} with new ones`,
      );
      s.start(config);
      await s.settled();
      await s.drained();
      const [first] = batchesOf(s.path("files"));
      const text = readFileSync(first?.manifest ?? "", "utf8");
      const { records, compacted, revision } = JSON.parse(text) as Readonly<Record<string, number>>;
      s.reported.push(
        `the first batch has revision ${revision}, ${records} records, ${compacted} offsets taken by compaction`,
      );
      s.expect((revision ?? 0) > 0 === (made === "anew"), `the batch is ${made}`);
      s.expect((compacted ?? 0) > 0 === (made === "anew"), `its holes are ${made}`);
      if (made === "anew") s.said(/batch made anew/);
      await s.audited(["files", "copy"], { vanished: true });
      if (made !== "anew") await stillArchived(s, "copy", before, { others: true });
      await s.verified(config);
    } finally {
      await producer.close();
    }
  },
});

/** Dies with a plan pending; what is committed is edited; goes on. */
const replanned = (
  name: string,
  step: string,
  change: (text: string) => string,
  said?: RegExp,
): FaultCase => ({
  name,
  shows: AUDITED,
  run: async (s) => {
    const config = await s.archivedOnce();
    await s.put(300);
    await s.diesAt(config, step);
    await s.kafkaGroupIsEmpty();
    let planned = 0;
    await rewriteMetadata(s, (text) => {
      if (/^ba1 [1-4] /.test(text)) planned += 1;
      return change(text);
    });
    s.expect(planned > 0, "a plan was pending");
    s.injected.push(`killed ${step}; ${name}`);
    await s.goesOn(config);
    if (said !== undefined) s.said(said);
  },
});

/** As a compressor would have made it whose bytes are others. */
function ofAnotherCompressor(text: string): string {
  const found = decodePlans(text);
  if ("invalid" in found) throw new Error(found.invalid);
  return encodePlans({ ...found, plans: found.plans.map((p) => ({ ...p, level: 19 })) });
}

function newKey(s: Stage, file: string): string {
  execFileSync("age-keygen", ["-o", s.path(file)], { stdio: "pipe" });
  return execFileSync("age-keygen", ["-y", s.path(file)], { encoding: "utf8" }).trim();
}

/** Kills a rewrap when it is due; one that came to its end before is followed by another. Its arguments. */
async function killedRewrap(
  s: Stage,
  config: string,
  due: (s: Stage) => () => boolean,
): Promise<readonly string[]> {
  for (let tries = 1; ; tries += 1) {
    const change = ["--identity", s.identity, "--add", newKey(s, `key-${tries}`)];
    const argv = ["rewrap", "--config", config, ...change];
    const [killed] = await Promise.allSettled([killedWhen(due(s), argv)]);
    if (killed.status === "fulfilled") return argv;
    if (tries === 5) throw killed.reason;
  }
}

const rewrapKilled = (name: string, due: (s: Stage) => () => boolean): FaultCase => ({
  name,
  shows: [...AUDITED, "cannot-read"],
  run: async (s) => {
    const config = s.config("c.yaml", { batch: SMALL });
    s.start(config);
    for (let round = 0; round < 4; round += 1) {
      await s.put(300);
      await s.settled();
    }
    await s.drained();
    const argv = await killedRewrap(s, config, due);
    const [files, copy] = [contentOf(s.path("files")), contentOf(s.path("copy"))];
    const apart = [...files].filter(([path, digest]) => copy.get(path) !== digest).length;
    s.injected.push(`rewrap is killed; ${apart} of ${files.size} files are not the same in both`);
    s.start(config);
    await s.put(300);
    await s.settled();
    await s.drained();
    // Also before anybody has rewrapped to the end: whoever could read, can read.
    for (const folder of ["files", "copy"]) await s.audited([folder]);
    const again = await s.cli(...argv);
    s.expect(again.code === 0, `rewrap run again ends with 0: ${again.stdout}${again.stderr}`);
    await s.audited();
    await s.verified(config);
  },
});

const amended = (s: Stage, sink: string): number =>
  namesOf(s.path(sink)).filter((path) => path.includes(".amend-")).length;

const manifestsIn = (s: Stage, sink: string): number =>
  existsSync(s.path(sink, "manifests")) ? namesOf(s.path(sink)).length : 0;

export const LIFE: readonly FaultCase[] = [
  compactedMeanwhile("compaction between plan and replay", "after-plan", "anew"),
  compactedMeanwhile("compaction when one sink has the batch", "after-data", "as it was"),
  replanned("a plan of another compressor", "after-plan", ofAnotherCompressor),
  replanned(
    "a plan of another compressor, the batch half there",
    "after-data",
    ofAnotherCompressor,
  ),
  replanned(
    "an upgrade is rolled back, its batch half there",
    "after-data",
    (text) => text.replace(/^ba1/, "ba2"),
    /later version/,
  ),
  rewrapKilled(
    "rewrap is killed between two sinks",
    (s) => () => amended(s, "files") > amended(s, "copy"),
  ),
  rewrapKilled("rewrap is killed between two files", (s) => replacedSince(s.path("copy"))),
  {
    name: "a sink is away beyond retention",
    shows: [...AUDITED, "away-holds-nothing-up", "stays-archived"],
    run: async (s) => {
      for (const dir of ["m1", "m2"]) mkdirSync(s.path(dir));
      const config = s.config("c.yaml", {
        sinks: {
          files: "kind: fs, path: ./m1/files",
          copy: "kind: fs, path: ./m2/copy, whenAway: { detach: 2s }",
        },
      });
      const daemon = s.start(config);
      await s.put(300);
      await s.settled();
      renameSync(s.path("m2"), s.path("gone"));
      for (let round = 0; round < 3; round += 1) {
        await s.put(300);
        await s.settled();
      }
      await s.says(/goes on without a sink/);
      const before = await topicNow(s);
      const ends = await s.live.ends();
      await s.admin.fetchTopicOffsets(s.topic);
      await s.admin.deleteTopicRecords({
        topic: s.topic,
        partitions: ends.map((end, partition) => ({ partition, offset: String(end) })),
      });
      s.injected.push(`a sink is away until Kafka has none of ${before.length} records any more`);
      renameSync(s.path("gone"), s.path("m2"));
      await until("the sink is filled", 120_000, async () => {
        await sleep(300);
        return manifestsIn(s, "m2/copy") === manifestsIn(s, "m1/files");
      });
      s.expect(daemon.running, "the daemon runs on");
      await s.put(100);
      await s.settled();
      await s.drained();
      for (const folder of ["m1/files", "m2/copy"]) {
        await stillArchived(s, folder, before, { others: true });
      }
      await s.audited(["m1/files", "m2/copy"], { vanished: true });
      await s.verified(config);
    },
  },
];
