import { get } from "node:http";
import type { CassandraAddress } from "./cassandra.ts";
import type { ElasticsearchAddress } from "./elasticsearch.ts";

/** What a test has to know of each kind of server that a run shares. */
export interface SharedServers {
  readonly kafka: { readonly bootstrap: string; readonly classPath: string };
  readonly s3: {
    readonly endpoint: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly region?: string;
  };
  /** `/t` belongs to `archiver`; the superuser is `super`. */
  readonly hdfs: { readonly url: string };
  readonly cassandra: CassandraAddress;
  readonly elasticsearch: ElasticsearchAddress;
}

export type SharedKind = keyof SharedServers;

/** Where the run's servers are asked for; the global set-up sets it. */
export const DESK = "TEST_SERVERS";

/**
 * The run's server of a kind: what TEST_S3, TEST_HDFS, … say in JSON, else the one that the run keeps,
 * started when the first test asks. Undefined without a run that keeps servers. Processes that the test
 * starts find it in the same variable.
 */
export async function sharedServer<K extends SharedKind>(
  kind: K,
): Promise<SharedServers[K] | undefined> {
  const name = `TEST_${kind.toUpperCase()}`;
  const desk = process.env[DESK];
  if (process.env[name] === undefined && desk !== undefined) {
    process.env[name] = await asked(`${desk}/${kind}`);
  }
  const given = process.env[name];
  return given === undefined ? undefined : (JSON.parse(given) as SharedServers[K]);
}

/** By node:http, which waits as long as it takes: the first start on a machine downloads the server. */
function asked(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (piece: string) => (text += piece));
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`${url}: ${text}`));
      });
    }).on("error", reject);
  });
}
