import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { auditTopic } from "../audit/audit-topic.ts";
import { commandLine, numberOf } from "../command-line.ts";
import { cli } from "../operate/cli-process.ts";
import { download } from "../sinks/s3/download.ts";
import { Dice } from "./dice.ts";
import { FAULTS } from "./faults.ts";
import { type MemorySample, watchMemory } from "./memory.ts";
import { type Check, type Event, lines, memoryCheck } from "./report.ts";
import { FOLDERS, GROUP, TOPIC, World } from "./world.ts";

/**
 * Random faults from a seed under load, then the verdict: the auditor's view of each sink against the
 * topic's, by librdkafka, and the product's own verification. Ends with `N passed, N failed`.
 */
const HELP = `npm run soak -- [--minutes 5] [--seed N] [--rate 500] [--report FILE] [--keep]`;
const o = commandLine(HELP, {
  minutes: { type: "string", default: "5" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  rate: { type: "string", default: "500" },
  report: { type: "string" },
  keep: { type: "boolean", default: false },
});
const minutes = numberOf(HELP, "minutes", o.minutes);
const seed = numberOf(HELP, "seed", o.seed);
const rate = numberOf(HELP, "rate", o.rate);
const dice = new Dice(seed);
const CATCH_UP_MS = 120_000;

const say = (text: string): void =>
  console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);

/** Until everything is archived that Kafka had when it began; null: not within the limit. */
async function catchesUp(world: World): Promise<number | null> {
  const began = performance.now();
  const ends = await patient(() => world.live.ends());
  while (performance.now() - began < CATCH_UP_MS) {
    const committed = await patient(() => world.live.committed(GROUP));
    if (ends.every((end, i) => (committed[i] ?? -1n) >= end)) return performance.now() - began;
    await sleep(100);
  }
  return null;
}

const inTopic = async (world: World): Promise<number> =>
  (await patient(() => world.live.ends())).reduce((n, end) => n + Number(end), 0);

/** The observer's own connection suffers the same broker. */
async function patient<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const [answer] = await Promise.allSettled([ask()]);
    if (answer.status === "fulfilled") return answer.value;
    if (tries === 30) throw answer.reason;
    await sleep(1_000);
  }
}

async function trouble(world: World, untilMs: number): Promise<Event[]> {
  const events: Event[] = [];
  const began = performance.now();
  // Each kind once in a shuffled order, then again: a short run meets as many kinds as it can.
  let left: (typeof FAULTS)[number][] = [];
  while (performance.now() < untilMs) {
    if (left.length === 0) left = [...FAULTS];
    const fault = dice.pick(left);
    left = left.filter((f) => f !== fault);
    const at = performance.now();
    const detail = await fault.run(world, dice);
    const lastedMs = performance.now() - at;
    const recoveredMs = await catchesUp(world);
    events.push({
      ...{ atSeconds: (at - began) / 1_000, fault: fault.name, detail },
      ...{ lastedMs, recoveredMs },
    });
    const after = recoveredMs === null ? "NOT CAUGHT UP" : `${(recoveredMs / 1_000).toFixed(1)} s`;
    say(`${fault.name}${detail === "" ? "" : ` (${detail})`}: caught up after ${after}`);
    if (recoveredMs === null) break;
    await sleep(dice.between(200, 3_000));
  }
  return events;
}

async function verdict(world: World): Promise<Check[]> {
  const checks: Check[] = [];
  const bucket = join(world.dir, "from-ceph");
  const s3 = { endpoint: world.ceph.endpoint, ...world.ceph.user };
  await download(s3, { bucket: world.bucket, prefix: "soak" }, bucket);
  const sinks = [...FOLDERS.map((f) => [f, world.archive(f)] as const), ["ceph", bucket] as const];
  for (const [name, archiveDir] of sinks) {
    const { bootstrap } = world.kafka;
    const found = await auditTopic({
      ...{ bootstrap, topic: TOPIC, archiveDir, identity: world.identity },
    });
    const { records, lost, duplicated, different, extra, problems } = found;
    const wrong = lost + duplicated + different + extra + problems.length;
    checks.push({
      name: `sink ${name} holds the topic`,
      ok: records > 0 && wrong === 0,
      text: `${records} records, lost ${lost}, duplicated ${duplicated}, different ${different}, extra ${extra}${problems.map((p) => `; ${p}`).join("")}`,
    });
  }
  const steady = world.daemons[0]?.config ?? "";
  const argv = ["verify", "--deep", "--across-sinks", "--against-kafka", "--config", steady];
  const verified = await cli([...argv, "--identity", world.identity]);
  const said = verified.stdout.trim().split("\n").at(-1) ?? "";
  const ok = verified.code === 0;
  checks.push({ name: "verify", ok, text: ok ? said : verified.stdout + verified.stderr });
  return checks;
}

say(`seed ${seed}, ${minutes} minutes at ${rate} records/s`);
const world = await World.begin();
const samples: MemorySample[] = [];
const over = new AbortController();
let failed = 1;
try {
  await world.fill();
  const backlog = await inTopic(world);
  const [steady, ...others] = world.daemons;
  if (steady !== undefined) world.start(steady);
  if ((await catchesUp(world)) === null) throw new Error("the backlog was not archived in time");
  for (const slot of others) world.start(slot);
  world.produce(rate);
  await sleep(3_000);
  const began = performance.now();
  const watching = watchMemory(world.steady, samples, over.signal);
  const faults = await trouble(world, began + minutes * 60_000);
  await world.stopProducing();
  const rest = await catchesUp(world);
  const seconds = (performance.now() - began) / 1_000;
  over.abort();
  await watching;
  const alive = world.daemons.filter((s) => s.daemon?.running === true).length;
  const checks: Check[] = [
    {
      name: "everything is archived in the end",
      ok: rest !== null && faults.every((f) => f.recoveredMs !== null),
      text: `${faults.length} faults, each caught up with`,
    },
    { name: "daemons run", ok: alive === world.daemons.length, text: `${alive}` },
    memoryCheck(samples),
  ];
  await Promise.all(world.daemons.map((s) => s.daemon?.drain() ?? Promise.resolve()));
  checks.push(...(await verdict(world)));
  const records = await inTopic(world);
  const { refusedSends } = world;
  const report = {
    ...{ seed, minutes, records, recordsPerSecond: (records - backlog) / seconds, refusedSends },
    ...{ faults, memory: samples, checks },
  };
  if (o.report !== undefined) writeFileSync(o.report, `${JSON.stringify(report, null, 2)}\n`);
  console.log(lines(report).join("\n"));
  failed = checks.filter((c) => !c.ok).length;
  console.log(`${checks.length - failed} passed, ${failed} failed`);
} finally {
  over.abort();
  if (failed > 0) console.log(`kept: ${world.dir}; again with: npm run soak -- --seed ${seed}`);
  await world.close(o.keep || failed > 0);
}
process.exit(failed === 0 ? 0 : 1);
