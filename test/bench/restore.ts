import { spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { committedShare } from "../../deploy/quickstart/progress.ts";
import { produce } from "../load/produce.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { type Cost, costOf, measured } from "./measure.ts";

/**
 * Archives a full topic and restores it into others, on the same Kafka in the same run: restoring is to be as
 * fast as archiving. `node test/bench/restore.ts` runs it alone; TEST_KAFKA names a Kafka to use.
 */
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const PARTITIONS = 4;

export interface RestoreRow extends Cost {
  readonly name: string;
}

export interface RestoreBench {
  readonly bootstrap: string;
  /** Made, filled and left to the caller to remove. */
  readonly dir: string;
  readonly records: number;
  readonly codec: "none" | "lz4";
}

export async function benchRestore(
  o: RestoreBench,
): Promise<{ readonly logicalBytes: number; readonly rows: readonly RestoreRow[] }> {
  const topic = `restore-${o.codec}-${Date.now()}`;
  const common = { topic, partitions: PARTITIONS, bytes: 820, seed: 7, perRequest: 2_000 };
  const logicalBytes = await produce({ ...o, ...common });
  mkdirSync(o.dir, { recursive: true });
  const config = join(o.dir, `${topic}.yaml`);
  writeFileSync(
    config,
    `kafka: { brokers: ["${o.bootstrap}"], sessionTimeout: 6s }\ngroup: ${topic}\ntopics: [${topic}]\n` +
      "batch: { bytes: 16MiB, age: 1s, idle: 200ms }\n" +
      `sinks:\n  - { name: files, kind: fs, path: ./${topic} }\n`,
  );
  const rows = [await archived(o, topic, config)];
  for (const [to, flags] of [
    ["lineage", ""],
    ["raw", "--no-lineage"],
  ] as const) {
    const line =
      `${process.execPath} ${MAIN} restore --config ${config} --topic ${topic} ` +
      `--to-topic ${topic}-${to} ${flags} >&2`;
    rows.push({ name: `restore, ${to}, ${o.codec}`, ...(await measured(line)) });
  }
  return { logicalBytes, rows };
}

async function archived(o: RestoreBench, topic: string, config: string): Promise<RestoreRow> {
  const log = openSync(join(o.dir, "log"), "w");
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, "run", "--config", config], {
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  while ((await committedShare(o.bootstrap, topic)) < 1) {
    if (child.exitCode !== null)
      throw new Error(`the daemon ended:\n${readFileSync(join(o.dir, "log"), "utf8")}`);
    await sleep(100);
  }
  const wallSeconds = (performance.now() - began) / 1000;
  const cost = costOf(child.pid ?? -1);
  child.kill("SIGTERM");
  await new Promise((resolve) => child.once("close", resolve));
  return { name: `archive, ${o.codec}`, wallSeconds, ...cost };
}

async function alone(): Promise<void> {
  const records = Number(process.argv[2] ?? "1000000");
  const dir = mkdtempSync(join(tmpdir(), "archiver-bench-restore-"));
  const given = process.env["TEST_KAFKA"];
  const kafka = given === undefined ? await KafkaServer.start({ heap: "1g" }) : null;
  try {
    for (const codec of ["lz4", "none"] as const) {
      const bootstrap = given ?? kafka?.bootstrap ?? "";
      const { logicalBytes, rows } = await benchRestore({ bootstrap, dir, records, codec });
      for (const r of rows) {
        const gb = logicalBytes / 1e9;
        console.log(
          `${r.name.padEnd(24)}${String(Math.round(records / r.wallSeconds)).padStart(9)} records/s` +
            `${((gb * 1000) / r.wallSeconds).toFixed(0).padStart(6)} MB/s` +
            `${(r.cpuSeconds / gb).toFixed(2).padStart(7)} CPU-s/GB ${r.peakMb.toFixed(0)} MB`,
        );
      }
    }
  } finally {
    await kafka?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

if (import.meta.main) await alone();
