import { afterAll, beforeAll } from "vitest";
import { HadoopServer } from "../../servers/hadoop.ts";

/** What `TEST_HDFS` holds as JSON, or what a test file starts for itself. */
export interface TestHdfs {
  /** The NameNode's HTTP address. `/t` belongs to `archiver`; the superuser is `super`. */
  readonly url: string;
}

const START_MS = 300_000;

/** An HDFS for the tests of one file: the run's own where there is one, else one that ends with them. */
export function testHdfs(): () => TestHdfs {
  const shared = process.env["TEST_HDFS"];
  let server: HadoopServer | undefined;
  beforeAll(async () => {
    if (shared === undefined) server = await HadoopServer.start();
  }, START_MS);
  afterAll(() => server?.stop());
  return () => {
    if (shared !== undefined) return JSON.parse(shared) as TestHdfs;
    if (server === undefined) throw new Error("HDFS is not up");
    return { url: server.url };
  };
}
