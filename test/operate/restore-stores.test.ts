import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RestoreReport } from "../../src/operate/restore/restore-report.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { named, sharedKafka } from "../kafka/live-kafka.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { sharedSix } from "../sinks/all/shared-six.ts";
import { NAMES, SixSinks } from "../sinks/all/six-sinks.ts";
import { cli, start } from "./cli-process.ts";
import { expectRestored } from "./restored-topic.ts";

/** Out of every kind of store, into another Kafka cluster. */
const bootstrap = sharedKafka();
const dir = configDir();
const topic = named("restore-stores");
const RECORDS = 1_200;
let six: SixSinks;
let away: KafkaServer;
let config = "";

async function ok(argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(argv);
  if (code !== 0) throw new Error(`${argv[0]} ended with ${code}: ${stderr}`);
  return stdout;
}

const argumentsFor = (sink: string, to: string): string[] => [
  ...["restore", "--config", config, "--json", "--sink", sink, "--topic", topic],
  ...["--to-brokers", away.bootstrap, "--to-topic", to],
];

const restored = async (argv: readonly string[]): Promise<RestoreReport> =>
  JSON.parse(await ok(argv)) as RestoreReport;

beforeAll(async () => {
  const other = { heap: "320m", clusterId: "cmVzdG9yZS1lbHNld2hlcg" };
  [six, away] = await Promise.all([
    sharedSix().then((servers) => SixSinks.prepare(dir, servers)),
    KafkaServer.start(other),
  ]);
  const live = await LiveTopic.create(bootstrap, topic, 2);
  for (let i = 0; i < 6; i += 1) await live.produce(RECORDS / 6);
  await live.close();
  const manifestsOnly = JSON.stringify({
    ...{ name: "index", kind: "elasticsearch", ...six.servers.elasticsearch },
    ...{ indexPrefix: `${six.indexPrefix}-index`, mode: "catalogue" },
  });
  config = writeConfig(dir, "c.yaml", {
    ...{ bootstrap, group: topic, topics: [topic], sinks: [], batchBytes: "8KiB" },
    extra: `${six.entries()}\n  - ${manifestsOnly}`,
  });
  await ok(["import", "--config", config]);
}, 420_000);

afterAll(async () => {
  await away.stop();
  await six.dispose();
  rmSync(dir, { recursive: true, force: true });
});

describe("each record once, also when it was killed in between", () => {
  test.each(NAMES)("from %s", async (sink) => {
    const copy = `from-${sink}`;
    const argv = [...argumentsFor(sink, copy), "--transaction", "4KiB"];
    const env = { BULK_ARCHIVER_FAILPOINT: "after-commit:2" };
    expect((await start(argv, { env }).ended).signal).toBe("SIGKILL");
    const report = await restored(argv);
    expect(report.records).toBeGreaterThan(0);
    expect(report.partitions.some((p) => p.already > 0)).toBe(true);
    const place = { bootstrap, topic, copy, other: away.bootstrap, lineage: true };
    expect(await expectRestored(place)).toBe(RECORDS);
    expect((await restored(argv)).records).toBe(0);
  });
});

test("under its own name, as it was; the same name in the source's cluster is refused", async () => {
  const argv = [...argumentsFor("ceph", topic), "--no-lineage"];
  expect((await restored(argv)).records).toBe(RECORDS);
  const place = { bootstrap, topic, copy: topic, other: away.bootstrap, lineage: false };
  expect(await expectRestored(place)).toBe(RECORDS);
  const here = argv.map((a) => (a === away.bootstrap ? bootstrap : a));
  const { code, stderr } = await cli(here);
  expect([code, stderr]).toEqual([2, expect.stringContaining("of this cluster")]);
});

test("a sink of manifests is no source, and says so before anything is made", async () => {
  const { code, stderr } = await cli(argumentsFor("index", "from-index"));
  expect([code, stderr]).toEqual([2, expect.stringContaining("keeps manifests only")]);
  const nothing = await cli([...argumentsFor("files", "from-index"), "--no-create"]);
  expect(nothing.stderr).toContain("the target has no topic from-index");
});
