import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandLine, numberOf } from "../command-line.ts";
import { produce } from "../load/produce.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { drain, MAIN, PARTITIONS } from "./drain.ts";
import { benchIndex } from "./index.ts";
import { measured } from "./measure.ts";
import { benchRestore } from "./restore.ts";
import { type Row, show, times } from "./rows.ts";
import { benchSinks } from "./sinks.ts";

/**
 * Drains full topics and compares with pipes of kcat, zstd and age on the same topic in the same run. CPU
 * and memory as the operating system counts them, start-up included. Prints figures and ratios and judges
 * none of them but memory that grows: machines are noisy.
 */
const HELP = `npm run bench -- [--only kept,plain,sinks,restore,commands]
                [--records N] [--sink-records N] [--batches N]

  kept     compressed by the producer, kept as it is, against pipes of kcat, zstd and age
  plain    not compressed by the producer, zstd and age
  sinks    each sink alone, three blob sinks at once
  restore  back into Kafka, against archiving
  commands list, verify, index, cat, reconcile, export, replay on an archive of 20,000 batches; fails when
           memory grows with their number
`;
const o = commandLine(HELP, {
  records: { type: "string", default: "2440000" },
  "sink-records": { type: "string", default: "400000" },
  only: { type: "string", default: "kept,plain,sinks,restore,commands" },
  batches: { type: "string", default: "20000" },
});
const only = new Set(o.only.split(","));
const records = numberOf(HELP, "records", o.records);
const fewer = numberOf(HELP, "sink-records", o["sink-records"]);
const batches = numberOf(HELP, "batches", o.batches);
const dir = mkdtempSync(join(tmpdir(), "archiver-bench-"));

const archiver = async (
  bootstrap: string,
  topic: string,
  recipient: string | null,
  name: string,
): Promise<Row> => {
  const home = join(dir, topic);
  const sinks = "  - { name: files, kind: fs, path: ./archive }";
  const keys = `encryption: { recipients: [${recipient}], seedFile: ${join(dir, "keys/seed")} }\n`;
  const row = await drain({
    ...{ bootstrap, topic, home, sinks, name },
    ...(recipient === null ? {} : { more: keys }),
  });
  rmSync(home, { recursive: true });
  return row;
};

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
  // A group has the name of its topic, so each run of ours needs a topic of its own.
  const first = await fill(bootstrap, "lz4-plain", "lz4");
  const plain = await archiver(bootstrap, first.topic, null, "bulk-archiver, lz4 kept");
  const { topic, logicalBytes } = await fill(bootstrap, "lz4-age", "lz4");
  const aged = await archiver(bootstrap, topic, recipient, "bulk-archiver, lz4 kept, age");
  const zstd = "| zstd -3 -q -f -o OUT";
  const age = `| zstd -3 -q | age -r ${recipient} -o OUT`;
  const four = `${PARTITIONS} ×`;
  const one = await pipe(bootstrap, topic, zstd, "kcat | zstd -3");
  const oneAged = await pipe(bootstrap, topic, age, "kcat | zstd -3 | age");
  const all = await pipes(bootstrap, topic, zstd, `${four} (kcat | zstd -3)`);
  const allAged = await pipes(bootstrap, topic, age, `${four} (kcat | zstd -3 | age)`);
  const floor = await pipes(
    bootstrap,
    topic,
    "-f '' > /dev/null",
    `${four} kcat (librdkafka) alone`,
  );
  show([plain, aged, one, oneAged, all, allAged, floor], { records, logicalBytes });
  const rate = (ours: Row, theirs: Row): string => times(ours, theirs, "wallSeconds");
  console.log(
    `\n  records/s, plain:     ${rate(plain, one)} × kcat | zstd -3, ${rate(plain, all)} × ${PARTITIONS} of them\n` +
      `  records/s, encrypted: ${rate(aged, oneAged)} × kcat | zstd -3 | age, ${rate(aged, allAged)} × ${PARTITIONS} of them`,
  );
}

async function plainByProducer(bootstrap: string, recipient: string): Promise<void> {
  const { topic, logicalBytes } = await fill(bootstrap, "none", "none");
  const row = await archiver(bootstrap, topic, recipient, "bulk-archiver, zstd -3, age");
  show([row], { records, logicalBytes });
}

async function fill(
  bootstrap: string,
  word: string,
  codec: "none" | "lz4",
): Promise<{ topic: string; logicalBytes: number }> {
  console.log(`producing ${records} records (${codec}) …`);
  const topic = `${word}-${Date.now()}`;
  const common = { bootstrap, topic, partitions: PARTITIONS, records, bytes: 820, seed: 7, codec };
  return { topic, logicalBytes: await produce({ ...common, perRequest: 2_000 }) };
}

async function ended(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: "ignore" });
  await new Promise((resolve) => child.once("close", resolve));
}

const kafka = await KafkaServer.start({ heap: "1g" });
try {
  const { bootstrap } = kafka;
  await ended(["keygen", "--out", join(dir, "keys")]);
  const identity = readFileSync(join(dir, "keys/identity"), "utf8");
  const recipient = /age1[a-z0-9]+/.exec(identity)?.[0] ?? "";
  if (only.has("kept")) await compressedByProducer(bootstrap, recipient);
  if (only.has("plain")) await plainByProducer(bootstrap, recipient);
  if (only.has("sinks")) await benchSinks({ bootstrap, dir, records: fewer });
  if (only.has("commands")) await benchIndex({ bootstrap, batches });
  const [brokerPid = -1] = kafka.pids;
  if (only.has("restore")) await benchRestore({ bootstrap, dir, records, brokerPid });
} finally {
  await kafka.stop();
  rmSync(dir, { recursive: true, force: true });
}
process.exit(0);
