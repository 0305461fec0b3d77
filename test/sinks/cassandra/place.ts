import { randomBytes } from "node:crypto";
import { auth, Client, types } from "cassandra-driver";
import { cassandraPlugin } from "../../../sinks/cassandra/cassandra-plugin.ts";
import {
  type ConformancePlace,
  type ConformanceTarget,
  type FaultySink,
  TcpFaults,
} from "../../../src/sdk/conformance.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import type { CassandraAddress } from "../../servers/cassandra.ts";

type Setting = string | boolean | number | Readonly<Record<string, unknown>> | readonly string[];

/** The sink's part of a configuration, for a keyspace of this node. */
export const settings = (
  address: CassandraAddress,
  keyspace: string,
  more: Readonly<Record<string, Setting>> = {},
): Readonly<Record<string, Setting>> => ({
  contactPoints: [address.contactPoint],
  localDataCenter: address.localDataCenter,
  keyspace,
  username: address.username,
  password: address.password,
  ...more,
});

export function openWith(given: Readonly<Record<string, unknown>>): Promise<Sink> {
  const never = new AbortController().signal;
  const host = { name: "cassandra", baseDir: "." };
  return cassandraPlugin.open(cassandraPlugin.schema.parse(given), host, never);
}

/** What the conformance kit's writer processes load; the address is the settings as JSON. */
export const openSink = (address: string): Promise<Sink> =>
  openWith(JSON.parse(address) as Readonly<Record<string, unknown>>);

export const freshKeyspace = (): string => `test_${randomBytes(6).toString("hex")}`;

/** A client of the tests' own: nothing of the product. */
export async function cqlClient(address: CassandraAddress): Promise<Client> {
  const client = new Client({
    contactPoints: [address.contactPoint],
    localDataCenter: address.localDataCenter,
    authProvider: new auth.PlainTextAuthProvider(address.username, address.password),
    encoding: { useBigIntAsLong: true },
    queryOptions: { prepare: true, consistency: types.consistencies.quorum },
    socketOptions: { readTimeout: 60_000 },
  });
  await client.connect();
  return client;
}

export interface CassandraPlace extends ConformancePlace {
  readonly keyspace: string;
  readonly cql: Client;
}

/** A keyspace of its own unless one is named, which the sink makes and `dispose` drops. */
export async function newPlace(
  address: CassandraAddress,
  keyspace = freshKeyspace(),
): Promise<CassandraPlace> {
  const cql = await cqlClient(address);
  // Nothing around the sink retries here, so a slow machine has to be waited for.
  const text = JSON.stringify(settings(address, keyspace, { requestTimeout: "60s" }));
  return {
    keyspace,
    cql,
    address: text,
    open: () => openSink(text),
    openFaulty: () => openFaulty(address, keyspace),
    damage: async ({ description: d }) => {
      const where =
        "topic = ? AND topic_id = ? AND partition = ? AND branch = ? AND start = ? AND digest = ? " +
        "AND part = 0 AND chunk = 0";
      const key = [d.topic, d.topicId, d.partition, d.branch, d.start, d.seal.digest];
      const read = await cql.execute(`SELECT data FROM ${keyspace}.chunks WHERE ${where}`, key);
      const data = Buffer.from(read.first()["data"] as Buffer);
      data[0] = (data[0] ?? 0) ^ 1;
      await cql.execute(`UPDATE ${keyspace}.chunks SET data = ? WHERE ${where}`, [data, ...key]);
    },
    finalNames: () => finalNames(cql, keyspace),
    dispose: async () => {
      await cql.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`, [], { prepare: false });
      await cql.shutdown();
    },
  };
}

/** A wire to the node that the conformance kit disturbs. */
async function openFaulty(address: CassandraAddress, keyspace: string): Promise<FaultySink> {
  const [host = "", port = ""] = address.contactPoint.split(":");
  const wire = await TcpFaults.open({ host, port: Number(port) });
  const contactPoints = [`127.0.0.1:${wire.port}`];
  const sink = await openWith(
    settings(address, keyspace, { contactPoints, requestTimeout: "60s" }),
  );
  const close = async (): Promise<void> => {
    wire.fault(null);
    await sink.close();
    await wire.close();
  };
  return { sink, faults: TcpFaults.faults, fault: (fault) => wire.fault(fault), close };
}

async function finalNames(cql: Client, keyspace: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const row of await cql.execute(`SELECT name FROM ${keyspace}.archive`)) {
    names.push(String(row["name"]));
  }
  for await (const row of await cql.execute(
    `SELECT path, topic, topic_id, partition, branch, start, writetime(manifest) AS described FROM ${keyspace}.batches`,
  )) {
    names.push(String(row["path"]));
    if (row["described"] === null) continue;
    const scope = ["topic", "topic_id", "partition", "branch"].map((c) => String(row[c]));
    names.push(`manifests/${scope.join("/")}/${String(row["start"])}.json`);
  }
  return names.sort();
}

export const targetOf = (address: CassandraAddress): ConformanceTarget => ({
  module: new URL(import.meta.url),
  batches: 2_000,
  place: () => newPlace(address),
});
