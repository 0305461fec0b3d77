import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeClock, nodeRandom } from "../../../src/daemon/node-ports.ts";
import { decorate } from "../../../src/deliver/decorate.ts";
import type { SinkEvent } from "../../../src/deliver/instrument.ts";
import { IDENTITY, madeBatch, madeChain, scopeOf } from "../../../src/sdk/conformance-batches.ts";
import { all, never } from "../../../src/sdk/conformance-case.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { CassandraServer } from "../../servers/cassandra.ts";
import { CqlWire } from "./cql-wire.ts";
import { freshKeyspace, openWith } from "./place.ts";

const MIB = 1 << 20;
const nodes: CassandraServer[] = [];
const opened: Sink[] = [];

beforeAll(async () => {
  const options = { auth: false, heap: "256m" };
  const first = await CassandraServer.start(options);
  nodes.push(first);
  const others = ["127.0.0.2", "127.0.0.3"].map((host) =>
    CassandraServer.start({ ...options, host, joins: first }),
  );
  nodes.push(...(await Promise.all(others)));
  for (const node of nodes) await knowsAll(node);
}, 400_000);
afterAll(async () => {
  for (const sink of opened) await sink.close();
  for (const node of nodes) await node.stop();
});

/** A node that has just come may not have heard of the others yet. */
async function knowsAll(node: CassandraServer): Promise<void> {
  const wire = await CqlWire.open(node.address);
  for (let waited = 0; waited < 60_000; waited += 200) {
    let peers = 0;
    for await (const row of wire.rows("SELECT peer_port FROM system.peers_v2", 10)) {
      if (row["peer_port"] !== null) peers += 1;
    }
    if (peers === nodes.length - 1) {
      wire.close();
      return;
    }
    await sleep(200);
  }
  throw new Error("the nodes do not find each other");
}

async function open(keyspace: string): Promise<Sink> {
  const contactPoints = nodes.map((node) => node.address.contactPoint);
  const settings = {
    contactPoints,
    localDataCenter: "datacenter1",
    keyspace,
    requestTimeout: "4s",
  };
  const sink = await openWith(settings);
  opened.push(sink);
  return sink;
}

function retried(plain: Sink): { sink: Sink; events: SinkEvent[] } {
  const events: SinkEvent[] = [];
  const { sink } = decorate(
    plain,
    { name: "wide", retry: { firstMs: 50, maxMs: 500 } },
    { clock: nodeClock, random: nodeRandom, onEvent: (event) => events.push(event) },
  );
  return { sink, events };
}

const nodeAt = (i: number): CassandraServer => {
  const node = nodes[i];
  if (node === undefined) throw new Error(`no node ${i}`);
  return node;
};

test("three nodes: one may be away, two may not, and what is acknowledged is on all in the end", async () => {
  const keyspace = freshKeyspace();
  const plain = await open(keyspace);
  const { sink, events } = retried(plain);
  await sink.claim(IDENTITY, never);
  const findings = await sink.check(never);
  expect(findings.map((f) => f.code)).toEqual([
    ...["cassandra-commitlog", "cassandra-commitlog", "cassandra-commitlog", "write-probe"],
  ]);
  const chain = madeChain(0, 9, MIB);
  const archive = async (from: number, to: number): Promise<void> => {
    for (const { batch, manifest } of chain.slice(from, to)) {
      expect((await sink.publish(batch, never)).outcome).toMatch(/created|equal/);
      expect((await sink.describe(manifest, never)).outcome).toMatch(/created|equal/);
    }
  };
  await archive(0, 3);

  await nodeAt(2).kill();
  await archive(3, 6);

  await nodeAt(1).kill();
  const before = events.length;
  const rest = archive(6, 9);
  const failed = (): boolean => events.slice(before).some((e) => e.outcome === "sink-transient");
  while (!failed()) await sleep(50);
  const alone = plain.publish(madeBatch({ partition: 1, start: 0n }), never);
  await expect(alone).rejects.toMatchObject({ code: "sink-transient" });
  await Promise.all([nodeAt(1).restart(), nodeAt(2).restart()]);
  await rest;

  // The one that was never away is gone: the other two have every batch.
  await nodeAt(0).kill();
  const { sink: reader } = retried(await open(keyspace));
  const starts = (await all(reader.list(scopeOf(0), 0n, never))).map((l) => l.start);
  expect(starts).toEqual(chain.map((c) => c.batch.description.start));
  for (const { batch, manifest } of chain) {
    const state = await reader.stat(batch.description, "bytes", never);
    expect(state.is === "whole" && state.manifest).toEqual(manifest);
  }
}, 400_000);
