import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { groupsAreReady } from "../kafka/live-kafka.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { CASES } from "./cases.ts";
import { type FaultCase, Stage } from "./stage.ts";

/**
 * Faults, one after the other, each against real processes: what was done, what the product said, and the
 * verdict of the auditor, who shares nothing with it. Ends with `N passed, N failed`.
 */
const HELP = "npm run faults -- [--only TEXT] [--list] [--report FILE]";
const { values: o } = parseArgs({
  options: {
    only: { type: "string" },
    list: { type: "boolean", default: false },
    report: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (o.help || o.list) {
  console.log(o.help ? HELP : CASES.map((c) => c.name).join("\n"));
  process.exit(0);
}

interface Outcome {
  readonly name: string;
  readonly injected: readonly string[];
  readonly reported: readonly string[];
  readonly wrong: readonly string[];
  readonly seconds: number;
}

async function play(c: FaultCase, dir: string, kafka: KafkaServer): Promise<Outcome> {
  const began = performance.now();
  const stage = await Stage.open(c.name, dir, kafka, c.partitions ?? 3);
  const [ran] = await Promise.allSettled([c.run(stage)]);
  if (ran.status === "rejected") stage.wrong.push(String(ran.reason));
  await stage.close();
  const { name, injected, reported, wrong } = stage;
  return { name, injected, reported, wrong, seconds: (performance.now() - began) / 1_000 };
}

function show({ name, injected, reported, wrong, seconds }: Outcome): void {
  console.log(`${wrong.length === 0 ? "ok    " : "FAILED"} ${name} (${seconds.toFixed(0)} s)`);
  for (const text of injected) console.log(`         done:     ${text}`);
  for (const text of reported) console.log(`         reported: ${text}`);
  for (const text of wrong) console.log(`         wrong:    ${text}`);
}

const dir = mkdtempSync(join(tmpdir(), "archiver-matrix-"));
const kafka = await KafkaServer.start({ heap: "768m" });
const outcomes: Outcome[] = [];
try {
  await groupsAreReady(kafka.bootstrap);
  const chosen = CASES.filter((c) => o.only === undefined || c.name.includes(o.only));
  for (const [i, c] of chosen.entries()) {
    const outcome = await play(c, join(dir, String(i)), kafka);
    show(outcome);
    outcomes.push(outcome);
  }
} finally {
  await kafka.stop();
  rmSync(dir, { recursive: true, force: true });
}
if (o.report !== undefined) writeFileSync(o.report, `${JSON.stringify(outcomes, null, 2)}\n`);
const failed = outcomes.filter((r) => r.wrong.length > 0).length;
console.log(`${outcomes.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 && outcomes.length > 0 ? 0 : 1);
