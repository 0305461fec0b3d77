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
import { parseArgs } from "node:util";
import { committedShare } from "../../deploy/quickstart/progress.ts";
import { produce } from "../load/produce.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { type Cost, costOf, measured } from "./measure.ts";

/**
 * Drains a full topic to the fs sink and compares with pipes of kcat, zstd and age on the same topic in
 * the same run. CPU and memory as the operating system counts them, start-up included. Prints figures
 * and ratios; judges nothing: machines are noisy.
 */
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const PARTITIONS = 4;
const { values: o } = parseArgs({
  options: { records: { type: "string", default: "2440000" }, only: { type: "string" } },
});
const records = Number(o.records);
const dir = mkdtempSync(join(tmpdir(), "archiver-bench-"));

interface Row extends Cost {
  readonly name: string;
}

let logicalBytes = 0;

const show = (rows: readonly Row[]): void => {
  const gb = logicalBytes / 1e9;
  console.log(`\n  ${"".padEnd(44)}records/s    MB/s  CPU-s/GB  peak MB`);
  for (const r of rows) {
    const rate = Math.round(records / r.wallSeconds);
    const mbs = (gb * 1000) / r.wallSeconds;
    console.log(
      `  ${r.name.padEnd(44)}${String(rate).padStart(9)}${mbs.toFixed(0).padStart(8)}` +
        `${(r.cpuSeconds / gb).toFixed(2).padStart(10)}${r.peakMb.toFixed(0).padStart(9)}`,
    );
  }
};

async function archiver(
  bootstrap: string,
  topic: string,
  encrypted: boolean,
  name: string,
): Promise<Row> {
  const home = join(dir, `${topic}-${encrypted}`);
  mkdirSync(home, { recursive: true });
  // The group's name is the topic's, so that progress can be asked; one topic copy a run.
  const config = join(home, "c.yaml");
  const keys = join(dir, "keys");
  const identity = readFileSync(join(keys, "identity"), "utf8");
  const encryption = `encryption: { recipients: [${/age1[a-z0-9]+/.exec(identity)?.[0]}], seedFile: ${keys}/seed }\n`;
  writeFileSync(
    config,
    `kafka: { brokers: ["${bootstrap}"], sessionTimeout: 6s }\ngroup: ${topic}\ntopics: [${topic}]\n` +
      `batch: { bytes: 16MiB, age: 1s, idle: 200ms }\n${encrypted ? encryption : ""}` +
      "sinks:\n  - { name: files, kind: fs, path: ./archive }\n",
  );
  const log = openSync(join(home, "log"), "w");
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, "run", "--config", config], {
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  while ((await committedShare(bootstrap, topic)) < 1) {
    if (child.exitCode !== null)
      throw new Error(`the daemon ended:\n${readFileSync(join(home, "log"), "utf8")}`);
    await sleep(100);
  }
  const wallSeconds = (performance.now() - began) / 1000;
  const cost = costOf(child.pid ?? -1);
  child.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
  return { name, wallSeconds, ...cost };
}

/** kcat reads the topic to its end and hands values on, as people do it today: one pipe. */
function pipe(bootstrap: string, topic: string, after: string, name: string): Promise<Row> {
  return timed(`${kcat(bootstrap, topic)} -o beginning -e -q ${after}`, name);
}

/** The same by hand in as many pipes as there are partitions, which is the most one can get of it. */
function pipes(bootstrap: string, topic: string, after: string, name: string): Promise<Row> {
  const one = (p: number): string =>
    `${kcat(bootstrap, topic)} -p ${p} -o beginning -e -q ${after.replaceAll("OUT", `OUT-${p}`)} &`;
  return timed(`${Array.from({ length: PARTITIONS }, (_, p) => one(p)).join("\n")}\nwait`, name);
}

const kcat = (bootstrap: string, topic: string): string => `kcat -C -b ${bootstrap} -t ${topic}`;

async function timed(line: string, name: string): Promise<Row> {
  const out = join(dir, "pipes");
  mkdirSync(out);
  const cost = await measured(line.replaceAll("OUT", join(out, "out")));
  rmSync(out, { recursive: true, force: true });
  return { name, ...cost };
}

async function compressedByProducer(bootstrap: string, recipient: string): Promise<void> {
  // A group commits under its topic's name: each run of ours needs a topic of its own.
  const rows: Row[] = [];
  for (const [i, encrypted] of [false, true].entries()) {
    const topic = `lz4-${i}-${Date.now()}`;
    logicalBytes = await fill(bootstrap, topic, "lz4");
    const name = `bulk-archiver, lz4 kept${encrypted ? ", age" : ""}`;
    rows.push(await archiver(bootstrap, topic, encrypted, name));
    if (encrypted) {
      const zstd = "| zstd -3 -q -f -o OUT";
      const age = `| zstd -3 -q | age -r ${recipient} -o OUT`;
      const floor = "-f '' > /dev/null";
      rows.push(await pipe(bootstrap, topic, zstd, "kcat | zstd -3"));
      rows.push(await pipe(bootstrap, topic, age, "kcat | zstd -3 | age"));
      rows.push(await pipes(bootstrap, topic, zstd, `${PARTITIONS} × (kcat | zstd -3)`));
      rows.push(await pipes(bootstrap, topic, age, `${PARTITIONS} × (kcat | zstd -3 | age)`));
      rows.push(await pipes(bootstrap, topic, floor, `${PARTITIONS} × kcat (librdkafka) alone`));
    }
  }
  show(rows);
  const times = (a: number, b: number): string =>
    ((rows[b]?.wallSeconds ?? 0) / (rows[a]?.wallSeconds ?? 1)).toFixed(1);
  console.log(
    `\n  records/s, plain:     ${times(0, 2)} × kcat | zstd -3, ${times(0, 4)} × ${PARTITIONS} of them`,
  );
  console.log(
    `  records/s, encrypted: ${times(1, 3)} × kcat | zstd -3 | age, ${times(1, 5)} × ${PARTITIONS} of them`,
  );
}

async function plainByProducer(bootstrap: string): Promise<void> {
  const topic = `none-${Date.now()}`;
  logicalBytes = await fill(bootstrap, topic, "none");
  show([await archiver(bootstrap, topic, true, "bulk-archiver, zstd -3, age")]);
}

async function fill(bootstrap: string, topic: string, codec: "none" | "lz4"): Promise<number> {
  console.log(`producing ${records} records (${codec}) …`);
  const common = { bootstrap, topic, partitions: PARTITIONS, records, bytes: 820, seed: 7, codec };
  return produce({ ...common, perRequest: 2_000 });
}

const kafka = await KafkaServer.start({ heap: "1g" });
try {
  const keygen = spawn(process.execPath, [MAIN, "keygen", "--out", join(dir, "keys")], {
    stdio: "ignore",
  });
  await new Promise((resolve) => keygen.once("close", resolve));
  const recipient =
    /age1[a-z0-9]+/.exec(readFileSync(join(dir, "keys/identity"), "utf8"))?.[0] ?? "";
  if (o.only !== "b") await compressedByProducer(kafka.bootstrap, recipient);
  if (o.only !== "a") await plainByProducer(kafka.bootstrap);
} finally {
  await kafka.stop();
  rmSync(dir, { recursive: true, force: true });
}
process.exit(0);
