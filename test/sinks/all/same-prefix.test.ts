import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditTopic } from "../../audit/audit-topic.ts";
import { Daemon, writeConfig } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { named, sharedKafka, until } from "../../kafka/live-kafka.ts";
import { cli } from "../../operate/cli-process.ts";
import { filesBelow } from "../fs-place.ts";

/** Who else may write where an archive is: nobody of another one, and everybody of its own. */
const home = mkdtempSync(join(tmpdir(), "archiver-prefix-"));
const daemons: Daemon[] = [];
let live: LiveTopic;

beforeAll(async () => {
  live = await LiveTopic.create(sharedKafka(), named("prefix"), 2);
}, 60_000);

afterAll(async () => {
  for (const daemon of daemons) await daemon.kill();
  await live?.close();
  rmSync(home, { recursive: true, force: true });
});

interface Wanted {
  /** Folder by the name of its sink, the primary first. */
  readonly sinks: Readonly<Record<string, string>>;
  readonly group?: string;
  readonly batchBytes?: string;
}

function start({ sinks, group = live.topic, batchBytes = "32KiB" }: Wanted): Daemon {
  const entries = Object.entries(sinks);
  const name = named("daemon");
  const config = writeConfig(home, `${name}.yaml`, {
    ...{ bootstrap: sharedKafka(), group, topics: [live.topic], batchBytes, age: "400ms" },
    ...{ sinks: [], extra: entries.map(entry).join("\n") },
  });
  const daemon = Daemon.start(config, join(home, `${name}.log`));
  daemons.push(daemon);
  return daemon;
}

const entry = ([name, folder]: readonly [string, string]): string =>
  `  - { name: ${name}, kind: fs, path: ./${folder} }`;

const alive = (daemon: Daemon) => (): string | null => (daemon.running ? null : daemon.logTail());

async function archived(wanted: Wanted, records: number): Promise<void> {
  await live.produce(records);
  const daemon = start(wanted);
  await live.archived(wanted.group ?? live.topic, 60_000, alive(daemon));
  await daemon.drain();
}

async function refused(wanted: Wanted, text: RegExp): Promise<void> {
  const folders = Object.values(wanted.sinks);
  const before = await Promise.all(folders.map((f) => filesBelow(join(home, f))));
  const daemon = start({ ...wanted, group: named("other") });
  expect((await daemon.exited(60_000)).code).toBe(2);
  // The file has its last lines a moment after the process has ended.
  await until(`${text.source} in ${daemon.logTail()}`, 5_000, () => text.test(daemon.logTail()));
  expect(await Promise.all(folders.map((f) => filesBelow(join(home, f))))).toEqual(before);
}

test("another archive, cluster or primary is refused by name, and nothing is written", async () => {
  await archived({ sinks: { files: "a", copy: "a-copy" } }, 600);
  await archived({ sinks: { files: "b" }, group: named("second") }, 10);
  await refused(
    { sinks: { copy: "a-copy", files: "a" } },
    /sink copy: archive.json says primary files, this configuration has copy/,
  );
  await refused(
    { sinks: { files: "b", copy: "a-copy" } },
    /sink copy: archive.json says archiveId \S+, this configuration has \S+/,
  );
  cpSync(join(home, "b"), join(home, "elsewhere"), { recursive: true });
  const identity = join(home, "elsewhere", "archive.json");
  const text = readFileSync(identity, "utf8");
  writeFileSync(identity, text.replace(/"clusterId":\s*"[^"]+"/, '"clusterId":"another-cluster"'));
  await refused(
    { sinks: { files: "elsewhere" } },
    /sink files: archive.json says clusterId another-cluster, this configuration has \S+/,
  );
}, 120_000);

test("two groups on one prefix converge on the primary's batches, and are told of each other", async () => {
  const sinks = { files: "shared", copy: "shared-copy" };
  const groups = [named("one"), named("two")];
  live.begin(200, 20);
  // They cut differently, so nearly every batch of one is another than the other's.
  const [one, two] = groups.map((group, i) =>
    start({ sinks, group, batchBytes: i === 0 ? "24KiB" : "40KiB" }),
  ) as [Daemon, Daemon];
  await sleep(5_000);
  await two.kill();
  const again = start({ sinks, group: groups[1] ?? "", batchBytes: "56KiB" });
  await sleep(3_000);
  await live.stop();
  await live.archived(groups[0] ?? "", 60_000, alive(one));
  await live.archived(groups[1] ?? "", 60_000, alive(again));
  await Promise.all([one.drain(), again.drain()]);
  for (const folder of Object.values(sinks)) {
    const archiveDir = join(home, folder);
    const found = await auditTopic({ bootstrap: sharedKafka(), topic: live.topic, archiveDir });
    expect(found.problems).toEqual([]);
    expect(found).toMatchObject({ lost: 0, duplicated: 0, different: 0 });
    expect(found.records).toBe(live.sent);
  }
  const logs = [one, two, again].map((d) => readFileSync(d.logPath, "utf8")).join("\n");
  expect(logs).toMatch(
    /another-group.*was claimed by group (?:one|two).*converges on the same batches/,
  );
  const argv = ["verify", "--across-sinks", "--deep", "--against-kafka"];
  const config = daemons.at(-1)?.logPath.replace(/log$/, "yaml") ?? "";
  const both = ["--sink", "files", "--sink", "copy"];
  const verified = await cli([...argv, ...both, "--config", config]);
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
}, 180_000);
