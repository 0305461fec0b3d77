import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodePlans } from "../../src/core/plan-codec.ts";
import type { StatusReport } from "../../src/observe/status-report.ts";
import {
  createTopic,
  groupsAreReady,
  named,
  send,
  sharedKafka,
  withAdmin,
} from "../kafka/live-kafka.ts";
import { BootedSystemd } from "./boot/booted-systemd.ts";

/** The unit and its drop-ins as they are shipped, run by a systemd of its own; docs/systemd.md. */
const DEPLOY = fileURLToPath(new URL("../../deploy/systemd/", import.meta.url));
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const UNIT = "bulk-archiver.service";
const DROP_INS = `/etc/systemd/system/${UNIT}.d`;
const TOKEN = "a-token-of-enough-characters";
const [topic, later, group] = [named("served"), named("served-later"), named("unit")];
/** Sooner than a service needs it, so that a test need not wait. */
const QUICK = "[Service]\nWatchdogSec=3\nTimeoutAbortSec=2\nRestartSec=200ms\n";
const dir = mkdtempSync(join(tmpdir(), "archiver-unit-run-"));
let systemd: BootedSystemd;
let recipient: string;

const config = (topics: readonly string[], more = ""): string =>
  `kafka:
  brokers: ["${sharedKafka()}"]
  sessionTimeout: 6s
  heartbeat: 500ms
  instanceId: "\${env:ARCHIVER_MEMBER}"
group: ${group}
topics: [${topics.join(", ")}]
batch: { bytes: 256KiB, age: 1s }
memory: 64MiB
http: { listen: "127.0.0.1:0", token: "\${file:/run/credentials/${UNIT}/s3-secret}" }
encryption: { recipients: [${recipient}], seedFile: "\${env:CREDENTIALS_DIRECTORY}/seed" }
sinks:
  - { name: files, kind: fs, path: /var/cache/bulk-archiver/archive }
${more}`;

const put = (text: string): void => systemd.put("/etc/bulk-archiver/config.yaml", text);

interface Said {
  readonly msg: string;
  readonly url?: string;
  readonly records?: string | number;
}

/** The daemon's own lines in the journal, oldest first. */
const log = (): Said[] =>
  systemd
    .journal(UNIT)
    .filter((l) => l.SYSLOG_IDENTIFIER === "bulk-archiver")
    .map((l) => JSON.parse(l.MESSAGE) as Said);

const records = (): number =>
  log()
    .filter((l) => l.msg === "batch confirmed by every sink")
    .reduce((sum, l) => sum + Number(l.records), 0);

async function status(): Promise<StatusReport> {
  const url = log().findLast((l) => l.msg === "http listens")?.url;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(new URL("/api/status", url), { headers });
  return (await answer.json()) as StatusReport;
}

beforeAll(async () => {
  await createTopic(topic, 2);
  await createTopic(later, 1);
  await groupsAreReady(sharedKafka());
  const keygen = [MAIN, "keygen", "--out", dir];
  recipient = execFileSync(process.execPath, keygen, { encoding: "utf8", stdio: "pipe" }).trim();
  systemd = await BootedSystemd.boot([join(DEPLOY, UNIT)]);
  for (const name of ["credentials.conf", "member.conf"]) {
    systemd.put(`${DROP_INS}/${name}`, readFileSync(join(DEPLOY, "examples", name), "utf8"));
  }
  systemd.put(`${DROP_INS}/quick.conf`, QUICK);
  systemd.put("/etc/bulk-archiver/secrets/seed", readFileSync(join(dir, "seed"), "utf8"));
  systemd.put("/etc/bulk-archiver/secrets/s3-secret", TOKEN);
  put(config([topic]));
  systemd.control("daemon-reload");
}, 180_000);

afterAll(async () => {
  await systemd.close();
  await rm(dir, { recursive: true, force: true });
});

test("a start is over when the daemon can answer, with the secrets that systemd gave it", async () => {
  systemd.control("start", UNIT);
  expect(systemd.property(UNIT, "ActiveState")).toBe("active");
  expect(await status()).toMatchObject({ source: "daemon", group });
  const lines = Array.from({ length: 200 }, (_, i) => `line ${i}`);
  await send({ topic }, lines);
  await expect.poll(records, { timeout: 30_000 }).toBe(200);
});

test("`systemctl status` says what the page says", async () => {
  const timeless = (text: string): string => text.replaceAll(/\d\d:\d\d:\d\d/g, "T");
  const says = async (): Promise<string> => {
    const sentence = (await status()).verdict?.sentence ?? "";
    return timeless(sentence.replaceAll(/\s/g, " "));
  };
  await expect
    .poll(says, { timeout: 30_000 })
    .toBe("files has confirmed up to T, nothing is pending.");
  const told = (): string => timeless(systemd.property(UNIT, "StatusText"));
  await expect.poll(told, { timeout: 20_000 }).toBe(await says());
});

test("it runs as nobody, with no capability, under a filter of system calls", () => {
  const pid = systemd.property(UNIT, "MainPID");
  const text = systemd.run("cat", `/proc/${pid}/status`).stdout;
  const of = (name: string): string =>
    new RegExp(`^${name}:\\s+(.*)$`, "m").exec(text)?.[1]?.split(/\s/)[0] ?? "";
  expect(Number(of("Uid"))).toBeGreaterThan(60_000);
  expect([of("CapEff"), of("CapBnd")]).toEqual(["0".repeat(16), "0".repeat(16)]);
  expect([of("NoNewPrivs"), of("Seccomp")]).toEqual(["1", "2"]);
  const environment = systemd.run("cat", `/proc/${pid}/environ`).stdout;
  expect(environment).toContain("CREDENTIALS_DIRECTORY=");
  expect(environment).not.toContain(TOKEN);
});

test("the journal has whole lines of JSON, each once, none of them a secret", () => {
  const ours = systemd.journal(UNIT).filter((l) => l.SYSLOG_IDENTIFIER === "bulk-archiver");
  expect(ours.length).toBeGreaterThan(3);
  for (const { MESSAGE } of ours) {
    expect(JSON.parse(MESSAGE)).toMatchObject({
      level: expect.any(String),
      msg: expect.any(String),
    });
    expect(MESSAGE).not.toContain(TOKEN);
  }
});

test("reload is over when the new configuration is taken, or refused with the reason", async () => {
  put(config([topic, later]));
  systemd.control("reload", UNIT);
  await send({ topic: later }, ["one of the new topic"]);
  await expect.poll(records, { timeout: 30_000 }).toBe(201);
  put(config([topic, later], "format: ndjson\n"));
  systemd.control("reload", UNIT);
  const refusals = (): Said[] => log().filter((l) => l.msg.includes("configuration not taken"));
  // The journal takes a line from the pipe a moment after it was written.
  await expect.poll(refusals).toHaveLength(1);
  put(config([topic, later]));
  expect(systemd.property(UNIT, "NRestarts")).toBe("0");
});

test("killed, it is started again and goes on where it was", async () => {
  const before = systemd.property(UNIT, "MainPID");
  systemd.control("kill", "--signal=KILL", "--kill-who=main", UNIT);
  await systemd.until(UNIT, "NRestarts", /^1$/);
  await systemd.until(UNIT, "ActiveState", /^active$/);
  expect(systemd.property(UNIT, "MainPID")).not.toBe(before);
  await send({ topic }, ["after the crash"]);
  await expect.poll(records, { timeout: 30_000 }).toBe(202);
});

test("a process that hangs is ended by the watchdog and started again", async () => {
  systemd.control("kill", "--signal=STOP", "--kill-who=main", UNIT);
  await systemd.until(UNIT, "NRestarts", /^2$/);
  await systemd.until(UNIT, "ActiveState", /^active$/);
  const said = systemd.journal(UNIT).map((l) => l.MESSAGE);
  expect(said.filter((m) => m.includes("Watchdog timeout"))).toHaveLength(1);
  await send({ topic }, ["after the hang"]);
  await expect.poll(records, { timeout: 30_000 }).toBe(203);
});

test("stopping drains: nothing is left half done, and what was not begun is there at the next start", async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => `${i} ${"on the way out ".repeat(20)}`);
  await send({ topic, partition: 1 }, many);
  systemd.control("stop", UNIT);
  expect(systemd.property(UNIT, "Result")).toBe("success");
  expect(systemd.property(UNIT, "ExecMainStatus")).toBe("0");
  await expect.poll(() => log().at(-1)?.msg).toBe("stopped");
  const [found] = await withAdmin((a) => a.fetchOffsets({ groupId: group, topics: [topic] }));
  for (const { partition, metadata } of found?.partitions ?? []) {
    expect(decodePlans(metadata ?? ""), `partition ${partition}`).toMatchObject({ plans: [] });
  }
  systemd.control("start", UNIT);
  await expect.poll(records, { timeout: 30_000 }).toBe(203 + many.length);
});

test("the commands of docs/systemd.md, as they stand there", () => {
  systemd.control("stop", UNIT);
  systemd.run("rm", "-r", DROP_INS);
  put(
    `kafka: { brokers: ["${sharedKafka()}"], sessionTimeout: 6s, heartbeat: 500ms }\n` +
      `group: ${named("page")}\ntopics: [${topic}]\nbatch: { bytes: 256KiB, age: 1s }\n` +
      "sinks: [{ name: files, kind: fs, path: /var/cache/bulk-archiver/as-on-the-page }]\n",
  );
  const page = readFileSync(join(DEPLOY, "../../docs/systemd.md"), "utf8");
  const [, block = ""] = /^```sh\n([\s\S]*?)^```/m.exec(page) ?? [];
  expect(block).toContain("systemctl enable --now bulk-archiver");
  const { status: exit, stdout, stderr } = systemd.run("sh", "-euc", block);
  expect(exit, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/Active: active \(running\)/);
});

test("a wrong configuration fails the start and is not tried again", async () => {
  systemd.control("stop", UNIT);
  put(config([topic], "nonsense: 1\n"));
  expect(systemd.run("systemctl", "start", UNIT).status).not.toBe(0);
  await systemd.until(UNIT, "ActiveState", /^failed$/);
  expect(systemd.property(UNIT, "ExecMainStatus")).toBe("2");
  const said = systemd.journal(UNIT).map((l) => l.MESSAGE);
  expect(said.filter((m) => m.includes("nonsense"))).toHaveLength(1);
});
