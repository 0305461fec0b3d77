import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { keygen, signingKeygen } from "../../src/seal/keygen.ts";
import { configDir } from "../config/load.ts";
import { LiveTopic } from "../faults/topic.ts";
import { withAdmin } from "../kafka/live-kafka.ts";
import { cli, type Ended, start, type Started } from "../operate/cli-process.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { freePorts } from "../servers/server-process.ts";
import { EchoingStore } from "./echoing-store.ts";
import { needles, SECRETS, USERS } from "./secret-kinds.ts";

/**
 * A daemon that has every kind of secret, before stores that answer with what they were asked with: none of it
 * is in anything that the daemon says or writes.
 */
vi.setConfig({ testTimeout: 240_000 });
const dir = configDir();
const name = "secrets";
const seen = new Map<string, string>();
let kafka: KafkaServer;
let store: EchoingStore;
let topic: LiveTopic;
let config = "";
let url = "";
let daemon: Started | null = null;
let ended: Ended | null = null;
const env = { SASL_PASSWORD: SECRETS.saslPassword, SEARCH_PASSWORD: SECRETS.searchPassword };

beforeAll(async () => {
  [kafka, store] = await Promise.all([
    KafkaServer.start({ security: { users: { alice: SECRETS.saslPassword } } }),
    EchoingStore.open(),
  ]);
  topic = await LiveTopic.create(kafka.bootstrap, name, 2);
  const { recipient } = await keygen(join(dir, "keys"));
  await signingKeygen(join(dir, "keys"));
  writeFileSync(join(dir, "s3-secret"), `${SECRETS.s3Secret}\n`);
  mkdirSync(join(dir, "profiles"));
  const [port = 0, closed = 0] = await freePorts(2);
  url = `http://127.0.0.1:${port}`;
  config = join(dir, "config.yaml");
  writeFileSync(config, yaml(recipient, port, closed));
  await run();
}, 200_000);

afterAll(async () => {
  daemon?.child.kill("SIGKILL");
  await daemon?.ended;
  await topic.close();
  await store.close();
  await kafka.stop();
  rmSync(dir, { recursive: true, force: true });
});

function yaml(recipient: string, port: number, closed: number): string {
  const away = "whenAway: { detach: 1s }, limits: { timeout: 3s }";
  const search = `kind: elasticsearch, url: "${store.url}", plaintext: allow, ${away}`;
  const hdfs = `kind: hdfs, url: "${store.url}", path: /a, ${away}`;
  const s3 = `kind: s3, endpoint: "${store.url}", bucket: archive, accessKeyId: AK, ${away}`;
  const sasl = 'mechanism: scram-sha-256, username: alice, password: "${env:SASL_PASSWORD}"';
  const basic = `{ username: ${USERS.hdfs}, password: "${SECRETS.hdfsPassword}" }`;
  const cassandra = `kind: cassandra, contactPoints: ["127.0.0.1:${closed}"], localDataCenter: dc1`;
  return [
    `kafka:`,
    `  brokers: ${JSON.stringify(kafka.at("sasl").split(","))}`,
    `  ssl: { ca: ${kafka.security.authority.ca} }`,
    `  sasl: { ${sasl} }`,
    "  sessionTimeout: 6s",
    `group: ${name}`,
    `topics: [${name}]`,
    "batch: { bytes: 64KiB, age: 500ms }",
    "memory: 64MiB",
    `encryption: { recipients: [${recipient}], seedFile: keys/seed }`,
    "signing: { keyFile: keys/signing }",
    `http: { listen: "127.0.0.1:${port}", token: ${SECRETS.httpToken} }`,
    "telemetry:",
    `  otlp: { endpoint: "${store.url}", interval: 1s, headers: { x-key: ${SECRETS.otlpHeader} } }`,
    "sinks:",
    "  - { name: files, kind: fs, path: ./archive }",
    `  - { name: bucket, ${s3}, secretAccessKey: "\${file:s3-secret}", sessionToken: "${SECRETS.s3Session}" }`,
    `  - { name: keyed, ${search}, indexPrefix: one, apiKey: "${SECRETS.searchKey}" }`,
    `  - { name: named, ${search}, indexPrefix: two, username: ${USERS.search}, password: "\${env:SEARCH_PASSWORD}" }`,
    `  - { name: knox, ${hdfs}, basic: ${basic} }`,
    `  - { name: token, ${hdfs}, delegationToken: "${SECRETS.delegation}" }`,
    `  - { name: rows, ${cassandra}, keyspace: a, username: me, password: ${SECRETS.cassandraPassword}, ${away} }`,
    "",
  ].join("\n");
}

/** The daemon's whole life, and everything that can be had of it. */
async function run(): Promise<void> {
  const node = `--cpu-prof --cpu-prof-dir=${join(dir, "profiles")}`;
  const argv = ["run", "--log-level", "trace", "--config", config];
  daemon = start(argv, { env: { ...env, NODE_OPTIONS: node } });
  await daemon.said("partitions assigned");
  await topic.produce(300);
  const alive = (): string | null => (daemon?.child.exitCode === null ? null : "the daemon ended");
  await topic.archived(name, 120_000, alive);
  const group = encodeURIComponent(name);
  const partition = `/api/partition?group=${group}&topic=${group}&partition=0`;
  const paths = ["/", "/healthz", "/readyz", "/metrics", "/api/status", "/api/live", partition];
  for (const path of [...paths, "/nothing"]) seen.set(path, await asked(path));
  seen.set("/api/events", await asked("/api/events"));
  seen.set("without a token", await (await fetch(`${url}/api/status`)).text());
  const { pid = 0 } = daemon.child;
  seen.set("argv", readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  for (const task of readdirSync(`/proc/${pid}/task`))
    seen.set(`thread ${task}`, readFileSync(`/proc/${pid}/task/${task}/comm`, "utf8"));
  seen.set("ps", execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }));
  daemon.child.kill("SIGTERM");
  ended = await daemon.ended;
  seen.set("log", ended.stderr);
  seen.set("stdout", ended.stdout);
  await withAdmin(async (admin) => {
    const offsets = await admin.fetchOffsets({ groupId: name });
    seen.set("commits", JSON.stringify(offsets));
  }, kafka.bootstrap);
}

async function asked(path: string): Promise<string> {
  const headers = { authorization: `Bearer ${SECRETS.httpToken}` };
  const answer = await fetch(url + path, { headers });
  const reader = answer.body?.getReader();
  // Of a stream of events the first one, which is everything that it knows.
  const first = path === "/api/events" ? await reader?.read() : undefined;
  if (first !== undefined) await reader?.cancel();
  else reader?.releaseLock();
  const body =
    first === undefined ? await answer.text() : Buffer.from(first.value ?? []).toString();
  return `${answer.status} ${JSON.stringify([...answer.headers])} ${body}`;
}

/** Seed and signing key as they lie in their files. */
function keys(): Record<string, string> {
  const text = (file: string): string => readFileSync(join(dir, "keys", file), "utf8").trim();
  const pem = text("signing").split("\n").slice(1, -1).join("");
  const seed = /[0-9a-f]{64}/.exec(text("seed"))?.[0] ?? "";
  const identity = /AGE-SECRET-KEY-\w+/.exec(text("identity"))?.[0] ?? "";
  const raw = Buffer.from(seed, "hex").toString("latin1");
  return { seed, rawSeed: raw, signing: pem, identity };
}

function found(text: string, where: string): string[] {
  const all = [...needles(keys())].filter(([needle]) => needle.length > 3 && text.includes(needle));
  return all.map(([, secret]) => `${secret} in ${where}`);
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => join(folder, file))
    .filter((file) => statSync(file).isFile());

test("the stores were asked, with secrets, and what they said was heard", () => {
  expect(ended?.code).toBe(0);
  expect(store.asked).toBeGreaterThan(10);
  const status = seen.get("/api/status") ?? "";
  for (const sink of ["keyed", "named", "knox", "token"]) {
    const said = new RegExp(`"name":"${sink}"[^{}]*refused`);
    expect(status, `${sink}: the status has what the store said`).toMatch(said);
  }
  expect(seen.get("log")).toContain("[redacted]");
});

test.each(["log", "stdout", "commits", "argv", "ps", "/metrics", "/api/status", "/api/live"])(
  "no secret is in %s",
  (where) => {
    const text = seen.get(where) ?? "";
    expect(text === "" && where !== "stdout", `${where} was had`).toBe(false);
    expect(found(text, where)).toEqual([]);
  },
);

test("nor in anything else that was had of it", () => {
  expect([...seen].flatMap(([where, text]) => found(text, where))).toEqual([]);
});

test("nor in what it wrote: manifests, files, profiles of itself", () => {
  const files = [...filesIn(join(dir, "archive")), ...filesIn(join(dir, "profiles"))];
  expect(files.filter((f) => f.includes("manifests/")).length).toBeGreaterThan(1);
  expect(files.some((f) => f.endsWith(".cpuprofile"))).toBe(true);
  expect(files.flatMap((f) => found(readFileSync(f, "latin1"), f))).toEqual([]);
});

test.each([
  ["check"],
  ["list"],
  ["status"],
  ["verify", "--quick"],
  ["verify"],
  ["index"],
  ["explain", "sinks"],
])("nor in what %s prints, also with --debug and --json", async (...command) => {
  for (const more of [["--json"], ["--debug"]]) {
    const all = [...command, ...more, "--config", config];
    const { stdout, stderr } = await cli(all, { env });
    expect((stdout + stderr).length, all.join(" ")).toBeGreaterThan(10);
    expect(found(stdout + stderr, all.join(" "))).toEqual([]);
  }
});
