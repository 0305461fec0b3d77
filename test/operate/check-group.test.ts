import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CheckReport } from "../../src/operate/check-report.ts";
import { configDir } from "../config/load.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { named, sharedKafka } from "../kafka/live-kafka.ts";
import { cli } from "./cli-process.ts";

/** A daemon of the group dies with a batch planned: what it planned is what others are compared with. */
const name = named("check-group");
const dir = configDir();
const common = { bootstrap: sharedKafka(), group: name, topics: [name] };
let topic: LiveTopic;

beforeAll(async () => {
  topic = await LiveTopic.create(sharedKafka(), name, 1);
  await topic.produce(50);
  const config = writeConfig(dir, "first.yaml", { ...common, format: "ndjson" });
  const env = { BULK_ARCHIVER_FAILPOINT: "after-plan:1" };
  const daemon = Daemon.start(config, join(dir, "first.log"), env);
  expect((await daemon.exited(60_000)).signal, daemon.logTail()).toBe("SIGKILL");
}, 90_000);
afterAll(async () => {
  await topic.close();
  rmSync(dir, { recursive: true, force: true });
});

async function ofGroup(file: string, more: object): Promise<readonly (readonly string[])[]> {
  const config = writeConfig(dir, file, { ...common, ...more });
  const { stdout } = await cli(["check", "--json", "--config", config]);
  const { findings } = JSON.parse(stdout) as CheckReport;
  const about = findings.filter((f) => f.about === `group ${name}`);
  return about.map((f) => [f.level, f.code, f.text]);
}

test("a daemon that is configured otherwise than its group is told so, and where", async () => {
  expect(await ofGroup("same.yaml", { format: "ndjson" })).toEqual([]);
  const keys = join(dir, "keys");
  expect((await cli(["keygen", "--out", keys])).code).toBe(0);
  const recipient = /age1[a-z0-9]+/.exec(readFileSync(join(keys, "identity"), "utf8"))?.[0] ?? "";
  const other = await ofGroup("other.yaml", {
    ...{ format: "segment", recipient, seedFile: join(keys, "seed") },
  });
  const at = expect.stringContaining(`${name}/0 from offset 0 on`);
  expect(other).toEqual([
    ["warning", "other-format", at],
    ["warning", "other-encryption", at],
  ]);
  expect(other[0]?.[2]).toContain("planned batches as ndjson, this configuration says segment");
  expect(other[1]?.[2]).toContain("in the clear, this configuration encrypts them");
}, 60_000);
