import type { Client } from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cassandraPlugin } from "../../../sinks/cassandra/cassandra-plugin.ts";
import { IDENTITY, madeBatch, scopeOf } from "../../../src/sdk/conformance-batches.ts";
import { all, never } from "../../../src/sdk/conformance-case.ts";
import type { Finding, Sink } from "../../../src/sdk/sink.ts";
import { Authority } from "../../servers/certificates.ts";
import { type CassandraAddress, CassandraServer } from "../../servers/cassandra.ts";
import { freePorts } from "../../servers/server-process.ts";
import { cqlClient, freshKeyspace, openWith, settings } from "./place.ts";
import { sharedCassandra } from "./server.ts";
import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

let address: CassandraAddress;
let stop: () => Promise<void>;
let cql: Client;
let dir = "";
const opened: Sink[] = [];
const keyspaces: string[] = [];

beforeAll(async () => {
  const server = await sharedCassandra();
  ({ address } = server);
  stop = () => server.stop();
  cql = await cqlClient(address);
  dir = mkdtempSync(join(tmpdir(), "archiver-cassandra-settings-"));
}, 300_000);
afterAll(async () => {
  for (const sink of opened) await sink.close();
  for (const name of keyspaces) await run(`DROP KEYSPACE IF EXISTS ${name}`);
  await cql.shutdown();
  await stop();
  await rm(dir, { recursive: true, force: true });
});

const run = (statement: string): Promise<unknown> => cql.execute(statement, [], { prepare: false });

function keyspace(): string {
  const name = freshKeyspace();
  keyspaces.push(name);
  return name;
}

async function open(name: string, more: Parameters<typeof settings>[2] = {}): Promise<Sink> {
  const sink = await openWith(settings(address, name, more));
  opened.push(sink);
  return sink;
}

const errors = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter((f) => f.level === "error");

test("a wrong password is refused as such, by every call and by check", async () => {
  const sink = await open(keyspace(), { password: "wrong" });
  const refused = { code: "sink-unauthorized", message: expect.stringMatching(/password/i) };
  await expect(sink.identity(never)).rejects.toMatchObject(refused);
  await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(refused);
  expect(errors(await sink.check(never))).toMatchObject([{ code: "sink-unauthorized" }]);
});

test("without a user name a node that wants one is named, not waited for", async () => {
  const { username: _u, password: _p, ...open } = settings(address, keyspace());
  const sink = await openWith(open);
  opened.push(sink);
  await expect(sink.identity(never)).rejects.toMatchObject({ code: "sink-unauthorized" });
});

test("a user who may read and not write is refused at the first write", async () => {
  const name = keyspace();
  const owner = await open(name);
  await owner.claim(IDENTITY, never);
  await run(`CREATE ROLE IF NOT EXISTS reader WITH PASSWORD = 'reader' AND LOGIN = true`);
  await run(`GRANT SELECT ON KEYSPACE ${name} TO reader`);
  const sink = await open(name, { username: "reader", password: "reader" });
  expect(await sink.claim(IDENTITY, never)).toEqual(IDENTITY);
  const refused = { code: "sink-unauthorized", message: expect.stringContaining(name) };
  const batch = madeBatch({ partition: 0, start: 0n });
  await expect(sink.publish(batch, never)).rejects.toMatchObject(refused);
  expect(errors(await sink.check(never))).toMatchObject([{ code: "sink-unauthorized" }]);
});

test("rights that are revoked stop the sink, and when they are back it goes on", async () => {
  const name = keyspace();
  await (await open(name)).claim(IDENTITY, never);
  await run(`CREATE ROLE IF NOT EXISTS writer WITH PASSWORD = 'writer' AND LOGIN = true`);
  await run(`GRANT ALL ON KEYSPACE ${name} TO writer`);
  const sink = await open(name, { username: "writer", password: "writer" });
  const [first, second] = [0n, 10n].map((start) => madeBatch({ partition: 0, start }));
  if (first === undefined || second === undefined) throw new Error("two batches");
  expect(await sink.publish(first, never)).toEqual({ outcome: "created" });
  await run(`REVOKE MODIFY ON KEYSPACE ${name} FROM writer`);
  await expect(sink.publish(second, never)).rejects.toMatchObject({ code: "sink-unauthorized" });
  await run(`GRANT MODIFY ON KEYSPACE ${name} TO writer`);
  expect(await sink.publish(second, never)).toEqual({ outcome: "created" });
});

test("a keyspace that is missing reads as empty and is made by a claim only", async () => {
  const name = keyspace();
  const sink = await open(name);
  expect(await sink.identity(never)).toBeUndefined();
  expect(await all(sink.scopes(never))).toEqual([]);
  expect(await all(sink.list(scopeOf(0), 0n, never))).toEqual([]);
  expect(await sink.floor(scopeOf(0), 5n, never)).toBeUndefined();
  expect(await there(name)).toBe(false);
  await sink.claim(IDENTITY, never);
  expect(await there(name)).toBe(true);
});

test("a keyspace that is gone after an archive was seen there is an error, not an empty archive", async () => {
  const name = keyspace();
  const sink = await open(name);
  await sink.claim(IDENTITY, never);
  await run(`DROP KEYSPACE ${name}`);
  const lost = { code: "sink-permanent", message: expect.stringContaining(name) };
  await expect(sink.identity(never)).rejects.toMatchObject(lost);
  await expect(all(sink.list(scopeOf(0), 0n, never))).rejects.toMatchObject(lost);
  await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(lost);
  expect(await there(name)).toBe(false);
});

test("createSchema: false makes nothing and says what is missing; with the listed tables it works", async () => {
  const name = keyspace();
  const sink = await open(name, { createSchema: false });
  const lacking = {
    code: "sink-permanent",
    message: expect.stringMatching(/createSchema is false/),
  };
  await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(lacking);
  await expect(sink.identity(never)).rejects.toMatchObject({ code: "sink-permanent" });
  expect(errors(await sink.check(never))).toMatchObject([{ code: "sink-permanent" }]);
  expect(await there(name)).toBe(false);
  for (const statement of documented(name)) await run(statement);
  expect(await sink.claim(IDENTITY, never)).toEqual(IDENTITY);
  expect(await sink.publish(madeBatch({ partition: 0, start: 0n }), never)).toEqual({
    outcome: "created",
  });
  const made = keyspace();
  await (await open(made)).claim(IDENTITY, never);
  expect(await columns(name)).toEqual(await columns(made));
});

test("copies of a new keyspace: as many as the data centre has nodes, or as configured", async () => {
  const [first, second] = [keyspace(), keyspace()];
  await (await open(first)).claim(IDENTITY, never);
  expect(await replication(first)).toMatchObject({ datacenter1: "1" });
  const sink = await open(second, { replication: { datacenter1: 2 } });
  // Two copies on one node: a quorum of two cannot answer.
  await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject({
    code: "sink-transient",
    message: expect.stringMatching(/Not enough replicas.*2 required/),
  });
  expect(await replication(second)).toMatchObject({ datacenter1: "2" });
}, 60_000);

test("another data centre than the nodes' is an error that names those there are", async () => {
  const sink = await open(keyspace(), { localDataCenter: "elsewhere" });
  const [wrong] = errors(await sink.check(never));
  expect(wrong?.text).toMatch(/elsewhere/);
  expect(wrong?.text).toMatch(/datacenter1/);
});

test("TLS with the node's authority; another authority is refused, and so is none", async () => {
  const name = keyspace();
  const sink = await open(name, { tls: { ca: address.ca } });
  expect(await sink.claim(IDENTITY, never)).toEqual(IDENTITY);
  const other = new Authority(join(dir, "other"), "another authority");
  for (const tls of [{ ca: other.ca }, true] as const) {
    const wrong = await open(name, { tls });
    await expect(wrong.identity(never)).rejects.toMatchObject({
      message: expect.stringMatching(/certificate|issuer|self.signed/i),
    });
  }
  await expect(open(name, { tls: { ca: join(dir, "none.pem") } })).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringMatching(/none\.pem/),
  });
});

test("nobody listens: transient, with the address", async () => {
  const [port = 0] = await freePorts(1);
  const sink = await open(keyspace(), { contactPoints: [`127.0.0.1:${port}`] });
  await expect(sink.identity(never)).rejects.toMatchObject({
    code: "sink-transient",
    message: expect.stringContaining(`127.0.0.1:${port}`),
  });
  expect(errors(await sink.check(never))).toMatchObject([{ code: "sink-transient" }]);
});

test("check: a sound node gets an ok for its commit log and its write, a warning for one copy", async () => {
  const findings = await (await open(keyspace())).check(never);
  const by = Object.fromEntries(findings.map((f) => [f.code, f.level]));
  expect(by).toEqual({
    "schema-made": "ok",
    "cassandra-few-copies": "warning",
    "cassandra-commitlog": "ok",
    "write-probe": "ok",
  });
});

test("check: durable_writes = false is an error", async () => {
  const name = keyspace();
  const sink = await open(name);
  await sink.claim(IDENTITY, never);
  await run(`ALTER KEYSPACE ${name} WITH durable_writes = false`);
  expect(errors(await sink.check(never))).toMatchObject([{ code: "cassandra-not-durable" }]);
});

test("check: the stock commit log is a warning that says what it can lose", async () => {
  const server = await CassandraServer.start({ commitlogSync: "periodic", auth: false });
  try {
    const sink = await openWith(settings(server.address, freshKeyspace()));
    const findings = await sink.check(never);
    await sink.close();
    const found = findings.find((f) => f.code === "cassandra-commitlog-periodic");
    expect(found).toMatchObject({
      level: "warning",
      text: expect.stringMatching(/periodic.*crash/),
    });
    expect(errors(findings)).toEqual([]);
  } finally {
    await server.stop();
  }
}, 300_000);

test("settings that cannot be are refused where they stand", () => {
  const good = settings(address, "archive");
  const cases: readonly [Record<string, unknown>, RegExp][] = [
    [{ contactPoints: [] }, /at least one node/],
    [{ contactPoints: ["node1"] }, /host:port/],
    [{ keyspace: "My-Keyspace" }, /lower-case/],
    [{ password: undefined }, /belong together/],
    [{ consistency: "ONE" }, /LOCAL_QUORUM/],
    [{ requestTimeout: "5" }, /duration/],
    [{ tls: { cert: "client.pem" } }, /cert and key/],
    [{ keyspaces: "archive" }, /keyspaces/],
  ];
  for (const [wrong, text] of cases) {
    const result = cassandraPlugin.schema.safeParse({ ...good, ...wrong });
    expect(result.success).toBe(false);
    expect(result.error?.message).toMatch(text);
  }
});

/** The statements that the sink's page gives to operators, for a keyspace of that name. */
function documented(name: string): readonly string[] {
  const page = readFileSync(new URL("../../../docs/sinks/cassandra.md", import.meta.url), "utf8");
  const [, block = ""] = /```cql\n(CREATE KEYSPACE[\s\S]*?)```/.exec(page) ?? [];
  const statements = block
    .replaceAll("archive.", `${name}.`)
    .replace("KEYSPACE archive", `KEYSPACE ${name}`);
  return statements
    .replace(/'datacenter1': 3/, "'datacenter1': 1")
    .split(";")
    .filter((s) => s.trim() !== "");
}

async function columns(name: string): Promise<readonly unknown[]> {
  const { rows } = await cql.execute(
    "SELECT table_name, column_name, kind, position, type, clustering_order FROM system_schema.columns WHERE keyspace_name = ?",
    [name],
  );
  const { rows: tables } = await cql.execute(
    "SELECT table_name, compression FROM system_schema.tables WHERE keyspace_name = ?",
    [name],
  );
  return [...rows, ...tables].map((row) => ({ ...row }));
}

async function there(name: string): Promise<boolean> {
  return (await replication(name)) !== undefined;
}

async function replication(name: string): Promise<unknown> {
  const { rows } = await cql.execute(
    "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?",
    [name],
  );
  return rows[0]?.["replication"];
}
