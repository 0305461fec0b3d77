import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LiveTopic } from "../../faults/topic.ts";
import { until } from "../../kafka/live-kafka.ts";
import { contentOf } from "../../operate/archive-damage.ts";
import { KafkaServer } from "../../servers/kafka.ts";
import { AUDITED } from "../promises.ts";
import type { FaultCase, Stage } from "../stage.ts";

const JOINED_MS = 60_000;

const twoGroups = (name: string, second: "later" | "at once"): FaultCase => ({
  name,
  shows: AUDITED,
  run: async (s) => {
    const [one, two] = ["a", "b"].map((g) => s.config(`${g}.yaml`, { group: `${s.topic}-${g}` }));
    s.live.begin(30, 40);
    s.start(one ?? "");
    if (second === "later") await sleep(5_000);
    s.start(two ?? "");
    s.injected.push(`a second group on the same prefixes, ${second}`);
    await sleep(6_000);
    await s.live.stop();
    await s.settled(`${s.topic}-a`);
    await s.settled(`${s.topic}-b`);
    await s.drained();
    s.said(/another-group/);
    await s.audited();
    await s.verified(one ?? "");
  },
});

/** Dies with a plan pending under one configuration, goes on under another. */
const changed = (
  name: string,
  change: (s: Stage) => Parameters<Stage["config"]>[1],
  folders: readonly string[] = ["files", "copy"],
): FaultCase => ({
  name,
  shows: AUDITED,
  run: async (s) => {
    const before = s.config("c.yaml");
    s.start(before);
    await s.put(300);
    await s.settled();
    await s.drained();
    await s.put(300);
    await s.diesAt(before, "after-plan");
    const after = s.config("c.yaml", change(s));
    s.injected.push(`${name}, with a plan pending`);
    s.start(after);
    await s.put(300);
    await s.settled();
    await s.drained();
    await s.audited(folders);
    await s.verified(after);
  },
});

export const DEPLOYMENTS: readonly FaultCase[] = [
  {
    name: "two deployments with one group and one prefix, configured differently",
    shows: AUDITED,
    run: async (s) => {
      const one = s.config("one.yaml");
      const other = s.config("other.yaml", {
        batch: "{ bytes: 16KiB, age: 300ms }",
        ...{ format: "ndjson", compression: "{ codec: gzip }" },
      });
      s.live.begin(30, 40);
      s.start(one);
      await s.archivesSome();
      for (let round = 0; round < 3; round += 1) {
        const daemon = s.start(other);
        await until("it has joined", JOINED_MS, async () => {
          await sleep(100);
          return daemon.said(/partitions assigned/);
        });
        await sleep(s.dice.between(3_000, 6_000));
        await s.archivesSome();
        await (round === 1 ? daemon.drain() : daemon.kill());
      }
      s.injected.push(
        "a second daemon of other format, codec and size of batches joins three times",
      );
      await s.live.stop();
      await s.settled();
      await s.drained();
      const made = [...contentOf(s.path("files")).keys()];
      for (const name of [/\.log\.zst/, /\.ndjson\.gz/]) {
        s.expect(
          made.some((file) => name.test(file)),
          `${name} was made by one of them`,
        );
      }
      await s.audited();
      await s.verified(one);
    },
  },
  twoGroups("two groups on one prefix, one after the other", "later"),
  twoGroups("two groups on one prefix, both at once", "at once"),
  {
    name: "two clusters on one prefix",
    shows: [...AUDITED, "waits"],
    run: async (s) => {
      const config = s.config("c.yaml");
      s.start(config);
      await s.put(100);
      await s.settled();
      await s.drained();
      const other = await KafkaServer.start({ clusterId: "b3RoZXItY2x1c3Rlci0wMQ" });
      const live = await LiveTopic.create(other.bootstrap, s.topic, 3);
      try {
        const wrong = s.config("wrong.yaml", { bootstrap: other.bootstrap });
        const { code, signal } = await s.start(wrong).exited(30_000);
        s.injected.push("a daemon of another cluster with the same sinks");
        s.expect(code === 2, `it ends with 2, not ${code ?? signal}`);
        s.said(/archive.json says clusterId/);
      } finally {
        await live.close();
        await other.stop();
      }
      await s.audited();
    },
  },
  changed("another format", () => ({ format: "ndjson" })),
  changed("another level", () => ({
    compression: "{ codec: zstd, level: 9, recompress: always }",
  })),
  changed("another codec", () => ({ compression: "{ codec: gzip }" })),
  changed("a new key in front", (s) => {
    s.seed("seed2", "k2", "seed");
    return { seedFile: "seed2" };
  }),
  changed(
    "a sink more",
    () => ({
      sinks: {
        files: "kind: fs, path: ./files",
        copy: "kind: fs, path: ./copy",
        third: "kind: fs, path: ./third",
      },
    }),
    ["files", "copy", "third"],
  ),
  changed("a sink less", () => ({ sinks: { files: "kind: fs, path: ./files" } }), ["files"]),
  {
    name: "the key is missing at start, and at replay",
    shows: [...AUDITED, "waits"],
    run: async (s) => {
      const config = s.config("c.yaml");
      await s.put(300);
      await s.diesAt(config, "after-plan");
      rmSync(s.path("seed"));
      const { code } = await s.start(config).exited(60_000);
      s.expect(code === 2, "without the seed file it ends with 2");
      s.seed("seed", "k7");
      s.injected.push("the seed file is gone, then it is another one, with a plan pending");
      s.start(config);
      await s.settled();
      await s.drained();
      s.said(/batch made anew/);
      await s.audited();
      await s.verified(config);
    },
  },
];
