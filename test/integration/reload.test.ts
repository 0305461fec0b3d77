import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTopic, named, sharedKafka, until } from "../kafka/live-kafka.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { bulkRecords } from "./odd-records.ts";
import { RawProducer } from "./raw-producer.ts";

/** SIGHUP: what can change while the daemon runs does, and a change that cannot changes nothing. */
const [first, second, third] = [named("first"), named("second"), named("third")];
let producer: RawProducer;
let lanes: Lanes;

const put = (topic: string): Promise<unknown> =>
  producer.send(topic, 0, bulkRecords(BigInt(Date.now()), 50), "none");
const owned = async (): Promise<readonly string[]> =>
  (await lanes.status()).partitions.map((p) => p.topic);
const records = (topic: string): number =>
  manifestsOf(lanes.archive("files"), topic).reduce((n, m) => n + m.records, 0);

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly changed?: readonly string[];
  readonly text?: string;
}

const answers = (): Line[] =>
  readFileSync(lanes.daemon.logPath, "utf8")
    .split("\n")
    .filter((line) => line.includes("configuration"))
    .map((line) => JSON.parse(line) as Line);

/** Writes another configuration, and answers what the daemon says of it. */
async function changed(edit: (text: string) => string): Promise<Line> {
  const said = answers().length;
  writeFileSync(lanes.config, edit(readFileSync(lanes.config, "utf8")));
  lanes.daemon.signal("SIGHUP");
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(50)) {
    const line = answers()[said];
    if (line !== undefined) return line;
  }
  throw new Error(`no answer to SIGHUP; log ends:\n${lanes.daemon.logTail()}`);
}

const topicsAre = (...topics: string[]): ((text: string) => string) => {
  return (text) => text.replace(/topics: \[.*\]/, `topics: [${topics.join(", ")}]`);
};

beforeAll(async () => {
  for (const topic of [first, second, third]) await createTopic(topic, 1);
  producer = await RawProducer.open(sharedKafka(), null);
  const batch = "{ bytes: 64KiB, age: 300ms }";
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    lanes: [{ name: "files", topics: [first], batch }],
    sinkSettings: { files: "limits: { rate: 50MiB/s }" },
  });
  lanes.start();
  await put(first);
  await lanes.archived("files", [first]);
});

afterAll(async () => {
  await producer.close();
  await lanes.close();
});

it("topics come and go; the others go on where they are", async () => {
  await put(second);
  const more = await changed(topicsAre(first, second));
  expect(more).toMatchObject({ level: "info", changed: ["pipelines.files.topics"] });
  await put(first);
  await lanes.archived("files", [first, second]);
  expect([records(first), records(second)]).toEqual([100, 50]);
  await changed(topicsAre(second, third));
  // What was owned is archived until the group has settled anew.
  await until("the first topic is left", 30_000, async () => !(await owned()).includes(first));
  await Promise.all([put(first), put(second), put(third)]);
  await lanes.archived("files", [second, third]);
  expect([records(first), records(second), records(third)]).toEqual([100, 100, 50]);
  expect((await owned()).toSorted()).toEqual([second, third].sort());
});

it("limits of a sink and the log level are taken; the file that has not changed is no change", async () => {
  const limits = await changed((text) =>
    text
      .replace("rate: 50MiB/s", "concurrency: 2")
      .replace("memory:", "log: { level: debug }\nmemory:"),
  );
  expect(limits.changed?.toSorted()).toEqual([
    "log.level",
    "sinks.files.limits.limit.bytesPerSecond",
    "sinks.files.limits.limit.concurrency",
  ]);
  await put(second);
  await lanes.archived("files", [second]);
  expect(readFileSync(lanes.daemon.logPath, "utf8")).toContain('"level":"debug"');
  expect(await changed((text) => text)).toMatchObject({ level: "info", changed: [] });
});

it("another group, a topic that is not there, a file that is wrong: nothing of it is taken", async () => {
  const good = readFileSync(lanes.config, "utf8");
  const group = await changed((text) =>
    topicsAre(first)(text.replace(lanes.group("files"), "another")),
  );
  expect(group).toMatchObject({ level: "error" });
  expect(group.text).toMatch(/^pipelines\.files\.group has changed.*restart/);
  writeFileSync(lanes.config, good);
  const missing = await changed(topicsAre(first, "nowhere"));
  expect(missing.text).toContain('no topic "nowhere"');
  writeFileSync(lanes.config, good);
  const wrong = await changed((text) => text.replace("memory:", "memery:"));
  expect(wrong.text).toMatch(/daemon\.yaml:\d+:1: .*unknown key "memery".*did you mean "memory"/);
  writeFileSync(lanes.config, good);
  await put(third);
  await lanes.archived("files", [third]);
  expect(records(first)).toBe(100);
  await lanes.verified();
  await lanes.daemon.drain();
});
