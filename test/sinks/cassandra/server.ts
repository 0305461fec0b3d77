import { CassandraServer, type CassandraAddress } from "../../servers/cassandra.ts";

/** The node of TEST_CASSANDRA, which others use as well, or one of our own. */
export async function sharedCassandra(): Promise<{
  readonly address: CassandraAddress;
  stop(): Promise<void>;
}> {
  const given = process.env["TEST_CASSANDRA"];
  if (given !== undefined) {
    return { address: JSON.parse(given) as CassandraAddress, stop: () => Promise.resolve() };
  }
  const server = await CassandraServer.start();
  return { address: server.address, stop: () => server.stop() };
}
