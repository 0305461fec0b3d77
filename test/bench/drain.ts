import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { committedShare } from "../../deploy/quickstart/progress.ts";
import { costOf } from "./measure.ts";
import type { Row } from "./rows.ts";

export const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
export const PARTITIONS = 4;
const STOP_MS = 20_000;

export interface Drain {
  readonly bootstrap: string;
  /** Full already. The group that drains it has its name. */
  readonly topic: string;
  /** For configuration, log and local sinks; kept. */
  readonly home: string;
  /** Lines of YAML under `sinks:`. */
  readonly sinks: string;
  /** Further lines of YAML. */
  readonly more?: string;
  readonly name: string;
}

export const configOf = ({ home, topic }: Pick<Drain, "home" | "topic">): string =>
  join(home, `${topic}.yaml`);

/** One daemon archives the whole topic; cost as the operating system counts it, start-up included. */
export async function drain(o: Drain): Promise<Row> {
  mkdirSync(o.home, { recursive: true });
  const config = configOf(o);
  writeFileSync(
    config,
    `kafka: { brokers: ["${o.bootstrap}"], sessionTimeout: 6s }\ngroup: ${o.topic}\n` +
      `topics: [${o.topic}]\nbatch: { bytes: 16MiB, age: 1s, idle: 200ms }\n${o.more ?? ""}` +
      `sinks:\n${o.sinks}\n`,
  );
  const logPath = join(o.home, `${o.topic}.log`);
  const log = openSync(logPath, "w");
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, "run", "--config", config], {
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const ended = new Promise((resolve) => child.once("close", resolve));
  while ((await committedShare(o.bootstrap, o.topic)) < 1) {
    if (child.exitCode !== null)
      throw new Error(`the daemon ended:\n${readFileSync(logPath, "utf8")}`);
    await sleep(100);
  }
  const wallSeconds = (performance.now() - began) / 1000;
  const cost = costOf(child.pid ?? -1);
  child.kill("SIGTERM");
  await Promise.race([ended, sleep(STOP_MS)]);
  child.kill("SIGKILL");
  return { name: o.name, wallSeconds, ...cost };
}
