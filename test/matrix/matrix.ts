import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandLine, numberOf } from "../command-line.ts";
import { groupsAreReady } from "../kafka/live-kafka.ts";
import { CephServer } from "../servers/ceph.ts";
import type { KafkaServer } from "../servers/kafka.ts";
import { CASES } from "./cases.ts";
import { kafkaBehindDoors } from "./doors.ts";
import { type Around, type FaultCase, Stage } from "./stage.ts";
import { type Outcome, show, table } from "./verdicts.ts";

/**
 * Faults, each against real processes: what was done, what the product said, and the verdict of the auditor,
 * who shares nothing with it. Ends with a table and `N passed, N failed`.
 */
/** Ways to Kafka that each lane has for itself. */
const DOORS = 2;
const HELP = `npm run faults -- [--only TEXT]... [--shard I/N] [--at-once N] [--seed N] [--list] [--keep]
                  [--report FILE]

  --only TEXT     those whose name has this text; may be given several times
  --shard I/N     the I-th of N parts, I from 1; all parts together are all cases
  --at-once N     so many cases at the same time, each with a topic of its own (default 2)
  --seed N        of what is thrown by dice: when something is cut or killed (default 2026)
  --list          the names, and which promises each case shows
  --keep          leaves what failed where it is, logs included
  --report FILE   all that was done and said, in JSON`;
const o = commandLine(HELP, {
  only: { type: "string", multiple: true },
  shard: { type: "string", default: "1/1" },
  "at-once": { type: "string", default: "2" },
  seed: { type: "string", default: "2026" },
  list: { type: "boolean", default: false },
  keep: { type: "boolean", default: false },
  report: { type: "string" },
});

/** Neighbours go to different parts: those of one kind take about as long as one another. */
function chosen(): readonly FaultCase[] {
  const [, i = 0, n = 0] = (/^(\d+)\/(\d+)$/.exec(o.shard) ?? []).map(Number);
  if (!(i >= 1 && i <= n)) throw new Error(`--shard ${o.shard}: expected I/N, I from 1 to N`);
  const { only } = o;
  return CASES.filter((_, at) => at % n === i - 1).filter(
    ({ name }) => only === undefined || only.some((text) => name.includes(text)),
  );
}

async function play(
  c: FaultCase,
  dir: string,
  kafka: KafkaServer,
  around: Around,
): Promise<Outcome> {
  const began = performance.now();
  const stage = await Stage.open(c.name, dir, kafka, c.partitions ?? 3, around);
  const [ran] = await Promise.allSettled([c.run(stage)]);
  if (ran.status === "rejected") stage.wrong.push(String(ran.reason));
  await stage.close();
  const { name, injected, reported, wrong } = stage;
  const { shows } = c;
  return { name, shows, injected, reported, wrong, seconds: (performance.now() - began) / 1_000 };
}

async function playAll(cases: readonly FaultCase[]): Promise<readonly Outcome[]> {
  const dir = mkdtempSync(join(tmpdir(), "archiver-matrix-"));
  const lanes = numberOf(HELP, "at-once", o["at-once"]);
  const { kafka, doors, close } = await kafkaBehindDoors(DOORS * lanes, { heap: "768m" });
  let starting: Promise<CephServer> | undefined;
  const ceph = (): Promise<CephServer> => (starting ??= CephServer.start());
  const outcomes = new Map<FaultCase, Outcome>();
  const stop = async (): Promise<void> => {
    await Promise.all([close(), kafka.stop(), starting?.then((server) => server.stop())]);
    if (!o.keep) rmSync(dir, { recursive: true, force: true });
  };
  // Kafka outlives whoever started it, unless it is told.
  process.once("SIGTERM", () => void stop().finally(() => process.exit(143)));
  process.once("SIGINT", () => void stop().finally(() => process.exit(130)));
  try {
    await groupsAreReady(kafka.bootstrap);
    const waiting = [...cases];
    const lane = async (i: number): Promise<void> => {
      const own = doors.slice(DOORS * i, DOORS * (i + 1));
      for (let c = waiting.shift(); c !== undefined; c = waiting.shift()) {
        const at = join(dir, String(cases.indexOf(c)));
        const outcome = await play(c, at, kafka, {
          ...{ doors: own, seed: Number(o.seed), ceph },
        });
        console.log(show(outcome));
        if (outcome.wrong.length === 0 || !o.keep) rmSync(at, { recursive: true, force: true });
        else console.log(`         kept:     ${at}`);
        outcomes.set(c, outcome);
      }
    };
    await Promise.all(Array.from({ length: lanes }, (_, i) => lane(i)));
  } finally {
    await stop();
  }
  return cases.flatMap((c) => outcomes.get(c) ?? []);
}

const cases = chosen();
if (o.list) {
  for (const { name, shows } of cases) console.log(`${name}\n    ${shows.join(", ")}`);
  process.exit(0);
}
const outcomes = await playAll(cases);
if (o.report !== undefined) writeFileSync(o.report, `${JSON.stringify(outcomes, null, 2)}\n`);
console.log(table(outcomes));
const failed = outcomes.filter((r) => r.wrong.length > 0).length;
console.log(`${outcomes.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 && outcomes.length > 0 ? 0 : 1);
