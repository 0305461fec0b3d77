import { afterAll, beforeAll } from "vitest";
import { HadoopServer } from "../../servers/hadoop.ts";
import { type SharedServers, sharedServer } from "../../servers/shared-servers.ts";

const START_MS = 300_000;

/** An HDFS for the tests of one file: the run's own where there is one, else one that ends with them. */
export function testHdfs(): () => SharedServers["hdfs"] {
  let server: HadoopServer | undefined;
  let address: SharedServers["hdfs"] | undefined;
  beforeAll(async () => {
    address = await sharedServer("hdfs");
    if (address !== undefined) return;
    server = await HadoopServer.start();
    address = { url: server.url };
  }, START_MS);
  afterAll(() => server?.stop());
  return () => {
    if (address === undefined) throw new Error("HDFS is not up");
    return address;
  };
}
