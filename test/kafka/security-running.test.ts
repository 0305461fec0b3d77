import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from "kafkajs";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { StatusReport } from "../../src/observe/status-report.ts";
import { LiveTopic } from "../faults/topic.ts";
import { cli, start, type Started } from "../operate/cli-process.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { freePorts } from "../servers/server-process.ts";
import { withAdmin } from "./live-kafka.ts";
import { type KafkaKeys, securedConfig, unsignedToken, writeToken } from "./security-config.ts";

/** The whole command on a secured broker, and rights that are taken away and given back meanwhile. */
const PASSWORD = "correct-horse-battery";
vi.setConfig({ testTimeout: 180_000 });
const dir = mkdtempSync(join(tmpdir(), "archiver-secured-run-"));
let server: KafkaServer;
let ca = "";
let daemon: Started | null = null;
let topic: LiveTopic | null = null;

beforeAll(async () => {
  const security = { users: { alice: PASSWORD }, reauthenticateMs: 12_000 };
  const properties = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "allow.everyone.if.no.acl.found": "true",
  };
  server = await KafkaServer.start({ security, properties });
  ({ ca } = server.security.authority);
}, 60_000);

afterEach(async () => {
  daemon?.child.kill("SIGKILL");
  await daemon?.ended;
  await topic?.close();
  [daemon, topic] = [null, null];
});

afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

const scram = (password = PASSWORD): KafkaKeys => ({
  listener: "sasl",
  ssl: { ca },
  sasl: { mechanism: "scram-sha-512", username: "alice", password },
});

function users(...change: readonly string[]): void {
  const who = ["--entity-type", "users", "--entity-name", "alice"];
  const at = ["--bootstrap-server", server.bootstrap, "--alter", ...who];
  server.tool("kafka.admin.ConfigCommand", [...at, ...change]);
}

interface Live {
  readonly config: string;
  readonly url: string;
}

async function begin(name: string, keys: KafkaKeys): Promise<Live> {
  const [port = 0] = await freePorts(1);
  topic = await LiveTopic.create(server.bootstrap, name, 2);
  const extra = `http: { listen: "127.0.0.1:${port}" }`;
  const config = securedConfig(server, dir, `${name}.yaml`, {
    keys,
    group: name,
    topic: name,
    extra,
  });
  daemon = start(["run", "--log-level", "debug", "--config", config]);
  await daemon.said("partitions assigned");
  await archived(name, 300);
  return { config, url: `http://127.0.0.1:${port}` };
}

async function archived(name: string, records: number): Promise<void> {
  await topic?.produce(records);
  const alive = (): string | null => (daemon?.child.exitCode === null ? null : "the daemon ended");
  await topic?.archived(name, 60_000, alive);
}

/** Asks until the daemon says so; answers what it said. */
async function status(
  url: string,
  wanted: (report: StatusReport) => boolean,
): Promise<StatusReport> {
  let report: StatusReport | null = null;
  for (let waited = 0; waited < 60_000; waited += 100) {
    report = (await (await fetch(`${url}/api/status`)).json()) as StatusReport;
    if (wanted(report)) return report;
    await sleep(100);
  }
  throw new Error(`not within 60 s; the daemon says ${JSON.stringify(report)}`);
}

const troubled = (r: StatusReport): boolean => r.member !== null && r.member.lastError !== null;
const quiet = (r: StatusReport): boolean =>
  r.member?.lastError === null && r.member.state === "stable";

async function drained(secret: string): Promise<string> {
  daemon?.child.kill("SIGTERM");
  const ended = await daemon?.ended;
  expect(ended).toMatchObject({ code: 0, signal: null });
  expect(ended?.stderr).not.toContain(secret);
  return ended?.stderr ?? "";
}

test("check and run over SASL_SSL; what is archived is what was sent", async () => {
  const { config } = await begin("secured", scram());
  const check = await cli(["check", "--config", config]);
  expect([check.code, check.stdout]).toEqual([0, expect.stringMatching(/^ok +kafka: cluster /m)]);
  const verify = await cli(["verify", "--deep", "--against-kafka", "--config", config]);
  expect([verify.code, verify.stderr]).toEqual([0, expect.any(String)]);
  await drained(PASSWORD);
});

test.each(["check", "run", "status"])(
  "%s with a wrong password: exit code 2, and why",
  async (command) => {
    topic = await LiveTopic.create(server.bootstrap, `wrong-${command}`, 1);
    const keys = scram("wrong-password");
    const config = securedConfig(server, dir, "wrong.yaml", {
      ...{ keys, group: "wrong", topic: `wrong-${command}` },
    });
    const { code, stdout, stderr } = await cli([command, "--config", config]);
    expect(code).toBe(2);
    expect(stdout + stderr).toContain("SASL SCRAM SHA512 authentication failed");
    expect(stdout + stderr).toContain("Check kafka.sasl and kafka.ssl and the ACLs of this user.");
    expect(stdout + stderr).not.toContain("wrong-password");
  },
);

test("check names what the broker cannot: an expired client certificate, a secret in the clear", async () => {
  topic = await LiveTopic.create(server.bootstrap, "checked", 1);
  const check = async (keys: KafkaKeys): Promise<[number | null, string]> => {
    const o = { keys, group: "checked", topic: "checked" };
    const config = securedConfig(server, dir, "checked.yaml", o);
    const { code, stdout } = await cli(["check", "--config", config]);
    return [code, stdout];
  };
  const { cert, key } = server.security.authority.issue("late", { expired: true });
  const [late, lateSaid] = await check({ listener: "mutual", ssl: { ca, cert, key } });
  expect(late).toBe(2);
  expect(lateSaid).toMatch(
    /^error +config: .*valid until 2021-01-01T00:00:00.000Z: it has expired/m,
  );
  expect(lateSaid).toMatch(/^error +kafka: .*the broker refuses the client certificate/m);
  const { client } = server.security;
  const [good, goodSaid] = await check({
    listener: "mutual",
    ssl: { ca, cert: client.cert, key: client.key },
  });
  expect([good, goodSaid]).toEqual([0, expect.stringMatching(/^ok +config: .*valid until 2049/m)]);
  const sasl = { mechanism: "plain", username: "alice", password: PASSWORD };
  const [clear, clearSaid] = await check({ listener: "clear", sasl });
  expect([clear, clearSaid]).toEqual([
    0,
    expect.stringMatching(/^warning +config: kafka.sasl plain without kafka.ssl/m),
  ]);
});

test("sessions that end are renewed on the way: nothing fails, nothing is tried again", async () => {
  await begin("renewed", scram());
  topic?.begin(20, 100);
  // More than one session, which is 12 s.
  await sleep(15_000);
  await topic?.stop();
  await archived("renewed", 100);
  const lines = (await drained(PASSWORD)).trim().split("\n");
  const loud = lines.map((l) => JSON.parse(l) as { level: string; msg: string });
  expect(loud.filter((l) => l.level !== "info" && l.level !== "debug")).toEqual([]);
  expect(loud.filter((l) => l.msg === "kafkajs")).toEqual([]);
});

test("a user that is deleted: visible, tried again, and it goes on when the user is back", async () => {
  const { url } = await begin("revoked", scram());
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  users("--delete-config", "SCRAM-SHA-512");
  const report = await status(url, troubled);
  expect(report.member?.lastError).toContain("SASL SCRAM SHA512 authentication failed");
  // The membership ends with its session; whoever asks is told why there is none.
  const gone = await status(url, (r) => r.member?.state === "joining");
  expect(gone.member?.lastError).toContain("SASL SCRAM SHA512 authentication failed");
  const ready = await fetch(`${url}/readyz`);
  expect([ready.status, await ready.text()]).toEqual([
    503,
    expect.stringContaining("group revoked is being joined: Kafka at 127.0.0.1:"),
  ]);
  await topic?.produce(100);
  users("--add-config", `SCRAM-SHA-512=[password=${PASSWORD}]`);
  await archived("revoked", 100);
  await status(url, quiet);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  const said = await drained(PASSWORD);
  expect(said).toContain("Kafka refuses this user; it is tried again");
  expect(said).not.toContain("partition stopped");
});

test.each([
  ["topic", AclResourceTypes.TOPIC, "TOPIC_AUTHORIZATION_FAILED"],
  ["group", AclResourceTypes.GROUP, "GROUP_AUTHORIZATION_FAILED"],
] as const)(
  "a right to read the %s that is taken away and given back",
  async (what, type, code) => {
    const name = `denied-${what}`;
    const { url } = await begin(name, scram());
    const rule = {
      resourceType: type,
      resourceName: name,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      principal: "User:alice",
      host: "*",
      operation: AclOperationTypes.READ,
      permissionType: AclPermissionTypes.DENY,
    };
    await withAdmin((admin) => admin.createAcls({ acl: [rule] }), server.bootstrap);
    await topic?.produce(100);
    const says = (r: StatusReport): boolean =>
      r.partitions.some(
        (p) => p.waiting?.startsWith("Kafka: ") === true && p.waiting.includes(code),
      );
    const report = await status(url, says);
    expect(report.partitions.map((p) => p.state)).toEqual(["running", "running"]);
    await withAdmin((admin) => admin.deleteAcls({ filters: [rule] }), server.bootstrap);
    await archived(name, 100);
    await status(url, quiet);
    expect(await drained(PASSWORD)).not.toContain("partition stopped");
  },
);

test("a token that expires is read again; one that comes late is waited for", async () => {
  writeToken(dir, unsignedToken("alice", 60_000));
  const sasl = { mechanism: "oauthbearer", tokenFile: join(dir, "token") };
  const { url } = await begin("tokens", { listener: "sasl", ssl: { ca }, sasl });
  // Sessions end after 12 s at the latest, so that this one is read while the first is still good.
  const expired = unsignedToken("alice", -1_000);
  writeToken(dir, expired);
  const report = await status(url, troubled);
  expect(report.member?.lastError).toContain("the broker refuses the token");
  expect(report.partitions.map((p) => p.waiting)).toContain(`Kafka: ${report.member?.lastError}`);
  writeToken(dir, unsignedToken("alice", 600_000));
  await archived("tokens", 100);
  await status(url, quiet);
  const said = await drained(expired);
  expect(said).not.toContain(readFileSync(join(dir, "token"), "utf8").trim());
});
