import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { produce } from "../../test/load/produce.ts";
import { KafkaServer } from "../../test/servers/kafka.ts";
import { ArchiverCommand } from "./archiver-command.ts";
import { committedShare } from "./progress.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PARTITIONS = 4;
const SEED = 20_261_121;

const HELP = `npm run quickstart -- [--events N] [--brokers HOST:PORT] [--keep]

Starts a real Kafka (or uses yours), fills a topic, archives it to ./archive, kills the
daemon in the middle, starts it again, and proves that nothing was lost or doubled.

  --events N         how many log events (default 300000)
  --brokers LIST     a Kafka of yours instead of one of our own
  --keep             leaves Kafka and the daemon running at the end
`;

const { values: options } = parseArgs({
  options: {
    events: { type: "string", default: "300000" },
    brokers: { type: "string" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const say = (text: string): void => console.log(`• ${text}`);
const bar = (what: string, share: number): void => {
  const text = `  ${what} ${Math.floor(share * 100)} %`;
  if (process.stdout.isTTY) process.stdout.write(`\r${text}${share >= 1 ? "\n" : ""}`);
  else if (share >= 1 || Math.floor(share * 10) > shown) console.log(text);
  shown = share >= 1 ? -1 : Math.floor(share * 10);
};
let shown = -1;

interface Verified {
  readonly ok: boolean;
  readonly againstKafka?: {
    readonly compared: number;
    readonly lost: number;
    readonly duplicated: number;
    readonly different: number;
  };
}

interface Run {
  readonly bootstrap: string;
  readonly topic: string;
  readonly events: number;
  readonly rawBytes: number;
  readonly archiver: ArchiverCommand;
}

async function main(): Promise<number> {
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const events = Number(options.events);
  if (!Number.isInteger(events) || events < 1_000) {
    console.error("--events: a whole number of at least 1000");
    return 2;
  }
  let kafka: KafkaServer | null = null;
  let archiver: ArchiverCommand | null = null;
  process.once("SIGINT", () => {
    archiver?.killNow();
    for (const pid of kafka?.pids ?? []) if (pid > 0) process.kill(pid, "SIGKILL");
    process.exit(130);
  });
  try {
    if (options.brokers === undefined) {
      say("starting a real single-node Kafka");
      kafka = await KafkaServer.start({ heap: "768m", say });
    }
    const bootstrap = options.brokers ?? kafka?.bootstrap ?? "";
    const topic = `quickstart-${new Date()
      .toISOString()
      .replace(/[^0-9]/g, "")
      .slice(0, 14)}`;
    archiver = await configured(bootstrap, topic);
    const rawBytes = await fill(bootstrap, topic, events);
    const run = { bootstrap, topic, events, rawBytes, archiver };
    const tookMs = await archive(run);
    return await prove(run, tookMs, kafka);
  } finally {
    if (!options.keep) {
      await archiver?.drain();
      await kafka?.stop();
    }
  }
}

/** Keys are made once; the configuration is of this run, the archive is shared by all runs. */
async function configured(bootstrap: string, topic: string): Promise<ArchiverCommand> {
  const home = join(ROOT, ".quickstart");
  mkdirSync(home, { recursive: true });
  const config = join(home, "config.yaml");
  const archiver = new ArchiverCommand(ROOT, config, join(home, "daemon.log"));
  if (!existsSync(join(home, "keys/seed")))
    await archiver.run(["keygen", "--out", join(home, "keys")]);
  const identity = readFileSync(join(home, "keys/identity"), "utf8");
  const recipient = /age1[a-z0-9]+/.exec(identity)?.[0] ?? "";
  fitArchive(bootstrap);
  writeFileSync(
    config,
    `# Written by npm run quickstart; every setting is explained in docs/configuration.md.
kafka: { brokers: ${JSON.stringify(bootstrap.split(","))}, sessionTimeout: 6s, heartbeat: 500ms }
group: ${topic}
topics: [${topic}]
batch: { bytes: 4MiB, age: 3s }
compression: { codec: zstd, level: 3 }
encryption: { recipients: [${recipient}], seedFile: keys/seed }
http: { listen: "127.0.0.1:9464" }
sinks:
  - { name: files, kind: fs, path: ../archive }
`,
  );
  say(`configuration: .quickstart/config.yaml, archive: ./archive`);
  return archiver;
}

/** An archive belongs to one Kafka cluster; our own Kafka is a new cluster each time under one id. */
function fitArchive(bootstrap: string): void {
  const mark = join(ROOT, ".quickstart/brokers");
  const kind = options.brokers === undefined ? "own" : bootstrap;
  if (existsSync(mark) && readFileSync(mark, "utf8") !== kind) {
    say("./archive is of another Kafka: it is begun anew");
    rmSync(join(ROOT, "archive"), { recursive: true, force: true });
  }
  writeFileSync(mark, kind);
}

async function fill(bootstrap: string, topic: string, events: number): Promise<number> {
  say(`producing ${events} log events to ${topic} (${PARTITIONS} partitions)`);
  const onProgress = (sent: number): void => bar("produced", sent / events);
  const common = { bootstrap, topic, partitions: PARTITIONS, bytes: 450, seed: SEED };
  return produce({ ...common, records: events, codec: "lz4", onProgress });
}

async function archive({ bootstrap, topic, archiver }: Run): Promise<number> {
  const began = Date.now();
  say("archiving (zstd, age); the daemon is killed with SIGKILL in the middle");
  archiver.start();
  let killed = false;
  for (;;) {
    archiver.refuseDead();
    const share = await committedShare(bootstrap, topic);
    bar("archived", share);
    if (share >= 1) break;
    if (!killed && share >= 0.3) {
      await archiver.kill();
      say("killed; starting it again");
      archiver.start();
      killed = true;
    }
    await sleep(killed ? 250 : 20);
  }
  if (!killed) {
    await archiver.kill();
    say("it was done before the kill; starting it again all the same");
    archiver.start();
    await sleep(1_000);
  }
  return Date.now() - began;
}

async function prove(run: Run, tookMs: number, kafka: KafkaServer | null): Promise<number> {
  const { archiver, topic, events, rawBytes } = run;
  say("verify --deep --against-kafka: every file opened, every record compared with the topic");
  const identity = ["--identity", join(ROOT, ".quickstart/keys/identity")];
  const scope = ["--topic", topic];
  const verified = JSON.parse(
    await archiver.run(
      ["verify", "--deep", "--against-kafka", "--json", ...identity, ...scope],
      [0, 3],
    ),
  ) as Verified;
  const batches = JSON.parse(await archiver.run(["list", "--json", ...scope])) as
    | { batches: { size: number }[] }
    | { size: number }[];
  const list = Array.isArray(batches) ? batches : batches.batches;
  say("three decrypted records:");
  console.log(await archiver.head(["cat", ...identity, ...scope], 3));
  const out = list.reduce((n, b) => n + b.size, 0);
  const against = verified.againstKafka;
  const mb = (n: number): string => (n / 1e6).toFixed(1);
  table([
    ["events", String(against?.compared ?? 0)],
    ["batches", String(list.length)],
    ["MB in", mb(rawBytes)],
    ["MB out", mb(out)],
    ["ratio", (rawBytes / out).toFixed(2)],
    ["events/s", `${Math.round(events / (tookMs / 1000))} (the kill and the restart included)`],
    ["lost", String(against?.lost ?? "?")],
    ["duplicated", String(against?.duplicated ?? "?")],
  ]);
  where(run, kafka);
  const whole =
    verified.ok && against?.compared === events && against.lost + against.duplicated === 0;
  if (!whole) console.error("The archive is NOT what the topic holds; see .quickstart/daemon.log");
  return whole ? 0 : 3;
}

function table(rows: readonly (readonly [string, string])[]): void {
  console.log("");
  for (const [name, value] of rows) console.log(`  ${name.padEnd(12)}${value}`);
  console.log("");
}

function where({ archiver, bootstrap }: Run, kafka: KafkaServer | null): void {
  console.log("Files:  ./archive   (age -d -i .quickstart/keys/identity FILE | zstdcat)");
  console.log("Config: .quickstart/config.yaml   Log: .quickstart/daemon.log   Docs: docs/");
  if (!options.keep) return;
  console.log("Status: http://127.0.0.1:9464/   (/api/status, /metrics)");
  const pids = [archiver.pid, ...(kafka?.pids ?? [])].filter((p) => p > 0);
  console.log(`Kafka:  ${bootstrap}   Running until you stop them: kill ${pids.join(" ")}`);
  archiver.letGo();
}

process.exit(await main());
