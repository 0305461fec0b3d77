import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeClock, nodeRandom } from "../../src/daemon/node-ports.ts";
import { type OpenedSink, openSinks } from "../../src/daemon/open-sinks.ts";
import type { CheckReport } from "../../src/operate/check-report.ts";
import { configDir, load } from "../config/load.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { createTopic, named, sharedKafka, until } from "../kafka/live-kafka.ts";
import { cli } from "../operate/cli-process.ts";

/**
 * A sink of files that the others may leave behind, where the primary keeps no files and the salt of an encrypted
 * one goes with its plan: nobody could ever fill it.
 */
const never = new AbortController().signal;
const dir = configDir({ seed: "" });
beforeAll(async () => {
  expect((await cli(["keygen", "--out", join(dir, "keys")])).code).toBe(0);
}, 30_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const ENCRYPTED =
  "encryption: { recipients: [age1ujceafm9n83y9tnu7py2l55rc8ykwjan4rejckrjtflqegxfkfps5ddh87], seedFile: seed }";
const SITE_B = "name: site-b, kind: kafka, brokers: [k1:9092], plaintext: allow";
const SEARCH = "name: search, kind: elasticsearch, url: http://es1:9200, plaintext: allow";
const FILES = "name: files, kind: fs, path: ./files";
const NEAR = "name: near, kind: fs, path: ./near";
const AWAY = ", whenAway: { detach: 30m }";
const BESIDE = ", backfill: auto";

/** As a daemon opens them. `open`: how many are open afterwards. */
async function opened(
  sinks: readonly string[],
  encryption = ENCRYPTED,
): Promise<{ refusal: string | null; open: number }> {
  const text = [
    ...["kafka: { brokers: [k0:9092] }", "group: g", "topics: [logs]", encryption, "sinks:"],
    ...sinks.map((s) => `  - { ${s} }`),
  ].join("\n");
  const pipeline = (await load(text, dir)).pipelines[0];
  if (pipeline === undefined) throw new Error("there is a pipeline");
  let open = 0;
  const settings = pipeline.sinks.map((s) => ({
    ...s,
    plugin: {
      ...s.plugin,
      open: async (...of: Parameters<typeof s.plugin.open>) => {
        const sink = await s.plugin.open(...of);
        const close = sink.close.bind(sink);
        open += 1;
        sink.close = () => {
          open -= 1;
          return close();
        };
        return sink;
      },
    },
  }));
  const ports = {
    ...{ clock: nodeClock, random: nodeRandom, baseDir: dir, partitionCount: () => 1 },
    ...{ onEvent: () => undefined, onHealth: () => undefined },
    encrypted: pipeline.encryption !== null,
  };
  const all = await openSinks(settings, ports, never).catch((error: unknown) => error);
  const found = { refusal: all instanceof Error ? String(all) : null, open };
  if (found.refusal === null) for (const { sink } of all as OpenedSink[]) await sink.close();
  return found;
}

test("it is refused, the text names both sinks and the key, and what was opened is closed", async () => {
  for (const [key, more] of [
    ["whenAway", AWAY],
    ["backfill: auto", BESIDE],
    ["whenAway and backfill: auto", AWAY + BESIDE],
  ] as const) {
    const { refusal, open } = await opened([SITE_B, FILES + more]);
    expect(refusal).toContain(`without sink files (${key}), and the primary, site-b, keeps no`);
    expect(refusal).toContain(`Leave out ${key} of files, or put a sink of files first`);
    expect(open).toBe(0);
  }
  // Elasticsearch decides only where it is alone, so the second is the primary here.
  const third = await opened([SEARCH, SITE_B, FILES + AWAY, NEAR + BESIDE]);
  expect(third.refusal).toContain("without sink files (whenAway), and the primary, site-b,");
});

test("what can be filled may be left behind", async () => {
  const good: readonly (readonly string[])[] = [
    [SITE_B, FILES],
    [FILES, NEAR + AWAY + BESIDE],
    [FILES, SITE_B + AWAY],
    // It has what the other lacks.
    [SITE_B, FILES + AWAY, NEAR],
    // Records are in the primary.
    [SITE_B, SEARCH + AWAY],
    [SEARCH, FILES],
  ];
  for (const sinks of good)
    expect(await opened(sinks), sinks.join()).toEqual({ refusal: null, open: sinks.length });
  expect((await opened([SITE_B, FILES + AWAY], "")).refusal).toBeNull();
});

/** Of an encrypted archive whose primary is in Kafka. */
function configOf(topic: string, file: string, more = ""): string {
  const identity = readFileSync(join(dir, "keys", "identity"), "utf8");
  const target = `brokers: [${JSON.stringify(sharedKafka())}], topicPrefix: ${topic}.`;
  return writeConfig(dir, file, {
    ...{ bootstrap: sharedKafka(), group: topic, topics: [topic], sinks: [] },
    recipient: /age1[a-z0-9]+/.exec(identity)?.[0] ?? "",
    seedFile: join(dir, "keys", "seed"),
    extra: `  - { name: site-b, kind: kafka, ${target}, plaintext: allow }${more}`,
  });
}

test("`check` and a daemon that starts say so too", async () => {
  const topic = named("left-behind");
  await createTopic(topic, 1);
  const config = configOf(topic, "c.yaml", `\n  - { ${FILES}${AWAY} }`);
  const sinks = ["--sink", "site-b", "--sink", "files"];
  const { code, stdout } = await cli(["check", "--json", "--config", config, ...sinks]);
  expect(code).toBe(2);
  const { findings } = JSON.parse(stdout) as CheckReport;
  const text = expect.stringContaining("without sink files (whenAway), and the primary, site-b,");
  const wrong = findings.filter((f) => f.level === "error");
  expect(wrong).toEqual([{ level: "error", about: "pipeline main", code: "unfillable", text }]);
  const daemon = Daemon.start(config, join(dir, "daemon.log"));
  expect((await daemon.exited(30_000)).code).toBe(2);
  expect(daemon.logTail()).toContain("without sink files (whenAway), and the primary, site-b,");
}, 60_000);

test("a sink of files that is added later is not filled: the error names the way out, which is one", async () => {
  const live = await LiveTopic.create(sharedKafka(), named("added"), 1);
  let daemon = Daemon.start(configOf(live.topic, "alone.yaml"), join(dir, "alone.log"));
  const alive = (): string | null => (daemon.running ? null : daemon.logTail());
  try {
    await live.produce(50);
    await live.archived(live.topic, 60_000, alive);
    await daemon.drain();
    const config = configOf(live.topic, "later.yaml", `\n  - { ${FILES} }`);
    daemon = Daemon.start(config, join(dir, "later.log"));
    const way = /primary-invalid.*no sink keeps its file.*`detach --sink files` goes on without it/;
    await until("the partition stops", 30_000, () => daemon.said(way));
    await live.produce(50);
    for (const order of [["detach", "--sink", "files"], ["pause"], ["resume"]]) {
      const given = await cli([...order, "--topic", live.topic, "--config", config]);
      expect(given.code, given.stdout + given.stderr).toBe(0);
      if (order[0] === "detach") expect(given.stdout).toContain("the partition has stopped");
    }
    await live.archived(live.topic, 60_000, alive);
  } finally {
    await daemon.kill();
    await live.close();
  }
}, 150_000);
