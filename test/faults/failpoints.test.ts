import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FAILPOINTS } from "../../src/pipeline/failpoint.ts";
import { auditTopic } from "../audit/audit-topic.ts";
import { Daemon, writeConfig } from "./daemon.ts";
import { LiveTopic } from "./topic.ts";

/** Longer than the session time-out that `writeConfig` sets. */
const ZOMBIE_MS = 9_000;
const bootstrap = process.env["TEST_KAFKA"] ?? "";
let dir = "";

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "archiver-faults-"));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const alive = (daemons: readonly Daemon[]) => (): string | null =>
  daemons.some((d) => d.running) ? null : `no daemon runs; log ends:\n${daemons.at(-1)?.logTail()}`;

async function audited(live: LiveTopic, archive: string): Promise<void> {
  const found = await auditTopic({ bootstrap, topic: live.topic, archiveDir: archive });
  expect(found.problems).toEqual([]);
  expect(found).toMatchObject({ lost: 0, duplicated: 0, different: 0 });
  expect(found.records).toBe(live.sent);
}

describe("a daemon that dies at a step of the protocol", () => {
  it("is killed once at every failpoint under live production, and nothing is lost or doubled", async () => {
    const live = await LiveTopic.create(bootstrap, `kill-steps-${process.pid}`, 3);
    const home = join(dir, "steps");
    const config = writeConfig(home, "c.yaml", {
      bootstrap,
      group: live.topic,
      topics: [live.topic],
    });
    const log = join(home, "daemon.log");
    live.begin(40, 25);
    const hits: Record<string, number> = {};
    for (const [i, step] of FAILPOINTS.entries()) {
      const d = Daemon.start(config, log, { BULK_ARCHIVER_FAILPOINT: `${step}:${1 + (i % 3)}` });
      const { signal } = await d.exited(60_000);
      if (signal === "SIGKILL") hits[step] = (hits[step] ?? 0) + 1;
    }
    console.log("failpoints hit:", JSON.stringify(hits));
    expect(hits).toEqual(Object.fromEntries(FAILPOINTS.map((f) => [f, 1])));
    await live.stop();
    const last = Daemon.start(config, log);
    await live.archived(live.topic, 90_000, alive([last]));
    await last.drain();
    await live.close();
    await audited(live, join(home, "files"));
  }, 600_000);

  it("is frozen beyond the session time-out at every step, another goes on, and it wakes as a zombie", async () => {
    const live = await LiveTopic.create(bootstrap, `zombie-steps-${process.pid}`, 2);
    const home = join(dir, "zombies");
    const config = writeConfig(home, "c.yaml", {
      bootstrap,
      group: live.topic,
      topics: [live.topic],
    });
    live.begin(40, 25);
    const heir = Daemon.start(config, join(home, "heir.log"));
    const frozen: Daemon[] = [];
    // All freeze at steps of their own, each while the others run, and wake together.
    for (const [i, step] of FAILPOINTS.entries()) {
      const env = { BULK_ARCHIVER_FAILPOINT: `${step}:${1 + (i % 2)}:stop` };
      const d = Daemon.start(config, join(home, `${step}.log`), env);
      await d.stopped(60_000);
      frozen.push(d);
      if (i % 3 === 2) await sleep(ZOMBIE_MS);
    }
    await sleep(ZOMBIE_MS);
    console.log("frozen:", frozen.length);
    for (const d of frozen) d.signal("SIGCONT");
    await sleep(4_000);
    await live.stop();
    await live.archived(live.topic, 120_000, alive([heir]));
    for (const d of frozen) await d.kill();
    await heir.drain();
    await live.close();
    await audited(live, join(home, "files"));
  }, 600_000);
});

describe("daemons that are killed at random", () => {
  it("survives ten SIGKILLs, two daemons joining and leaving", async () => {
    const live = await LiveTopic.create(bootstrap, `kill-random-${process.pid}`, 4);
    const home = join(dir, "random");
    const config = writeConfig(home, "c.yaml", {
      bootstrap,
      group: live.topic,
      topics: [live.topic],
    });
    live.begin(60, 25);
    const running: Daemon[] = [];
    let kills = 0;
    for (let round = 0; round < 10; round += 1) {
      while (running.length < 1 + (round % 2)) {
        running.push(Daemon.start(config, join(home, `daemon-${round}.log`)));
      }
      await sleep(1_500 + ((round * 733) % 3_000));
      const victim = running.shift();
      await victim?.kill();
      kills += 1;
    }
    expect(kills).toBe(10);
    running.push(Daemon.start(config, join(home, "last.log")));
    await live.stop();
    await live.archived(live.topic, 90_000, alive(running));
    for (const d of running) await d.drain();
    await live.close();
    await audited(live, join(home, "files"));
  }, 600_000);
});
