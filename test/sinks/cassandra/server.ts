import { type CassandraAddress, CassandraServer } from "../../servers/cassandra.ts";
import { sharedServer } from "../../servers/shared-servers.ts";

/** The run's node, which others use as well, or one of our own. */
export async function sharedCassandra(): Promise<{
  readonly address: CassandraAddress;
  stop(): Promise<void>;
}> {
  const address = await sharedServer("cassandra");
  if (address !== undefined) return { address, stop: () => Promise.resolve() };
  const server = await CassandraServer.start();
  return { address: server.address, stop: () => server.stop() };
}
