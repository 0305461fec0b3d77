import { CassandraServer } from "../../servers/cassandra.ts";
import { newPlace, settings } from "../../sinks/cassandra/place.ts";
import { unload } from "../../sinks/cassandra/unload.ts";
import { filesAudited, type Store } from "./store.ts";

const BATCH = "topic = ? AND topic_id = ? AND partition = ? AND branch = ? AND start = ?";
/** Of offsets; a fixed part of the layout, see docs/sinks/cassandra.md. */
const BUCKET = 10_000n;
/** Later than anything that is written now: what is put there again is hidden by the tombstone. */
const AHEAD_US = 20n * 60n * 1_000_000n;
/** With room for what it keeps of its own. */
const DISK_MIB = 512;

export async function cassandra(): Promise<Store> {
  const server = await CassandraServer.start({ diskMib: DISK_MIB });
  const { address } = server;
  const place = await newPlace(address);
  const { cql, keyspace } = place;
  const now = (): bigint => BigInt(Date.now()) * 1_000n;
  return {
    settings: {
      ...{ kind: "cassandra", ...settings(address, keyspace), requestTimeout: "3s" },
      limits: { timeout: "10s" },
    },
    place: "the keyspace",
    damages: [
      { what: "a byte of a chunk is changed", do: (batch) => place.damage(batch) },
      {
        what: "its chunks are deleted by a clock 20 minutes ahead",
        do: ({ description: d }) =>
          cql.execute(
            `DELETE FROM ${keyspace}.chunks USING TIMESTAMP ? WHERE ${BATCH} AND digest = ? AND part = 0`,
            [now() + AHEAD_US, d.topic, d.topicId, d.partition, d.branch, d.start, d.seal.digest],
          ),
      },
      {
        what: "its row is deleted",
        do: ({ description: d }) =>
          cql.execute(`DELETE FROM ${keyspace}.batches WHERE ${BATCH} AND bucket = ?`, [
            ...[d.topic, d.topicId, d.partition, d.branch, d.start],
            d.start / BUCKET,
          ]),
      },
    ],
    refusals: [
      {
        what: "its disk is full",
        begin: () => Promise.resolve(server.disk?.fill()),
        // A node that could not write stops taking part until it is started again.
        end: () => {
          server.disk?.free();
          return server.restart();
        },
      },
    ],
    kill: () => server.kill(),
    restart: () => server.restart(),
    signal: (name) => (name === "SIGSTOP" ? server.freeze() : server.thaw()),
    remove: () => cql.execute(`DROP KEYSPACE ${keyspace}`, [], { prepare: false }),
    renew: () => Promise.resolve(),
    snapshot: () => server.snapshot(),
    audited: filesAudited((into) => unload(address, keyspace, into)),
    stop: async () => {
      await cql.shutdown();
      await server.stop();
    },
  };
}
