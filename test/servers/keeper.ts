import { CassandraServer } from "./cassandra.ts";
import { CephServer } from "./ceph.ts";
import { ElasticsearchServer } from "./elasticsearch.ts";
import { HadoopServer } from "./hadoop.ts";
import { KafkaServer } from "./kafka.ts";
import type { SharedServers } from "./shared-servers.ts";

/**
 * One server for a whole run, in a process beside it: `keeper.ts KIND` starts it, says its address as
 * one line of JSON, and stops it when standard input ends. So it goes with the run however that ends.
 */
type Kept<T> = { readonly address: T; stop(): Promise<void> };

const KINDS: { readonly [K in keyof SharedServers]: () => Promise<Kept<SharedServers[K]>> } = {
  kafka: async () => {
    const server = await KafkaServer.start({ say });
    const { bootstrap, classPath } = server;
    return { address: { bootstrap, classPath }, stop: () => server.stop() };
  },
  s3: async () => {
    const server = await CephServer.start({ say });
    return {
      address: { endpoint: server.endpoint, ...server.user },
      stop: () => server.stop(),
    };
  },
  hdfs: async () => {
    const server = await HadoopServer.start({ say });
    return { address: { url: server.url }, stop: () => server.stop() };
  },
  cassandra: () => CassandraServer.start({ say }),
  elasticsearch: () => ElasticsearchServer.start({ say }),
};

/** Between finding a free port and listening on it another process may take it. */
const TRIES = 3;

async function started(start: () => Promise<Kept<unknown>>): Promise<Kept<unknown>> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (tries === TRIES) throw error;
      say(`the ${kind} server of the run is started again: ${String(error)}`);
    }
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

const kind = process.argv[2] ?? "";
if (!Object.hasOwn(KINDS, kind)) throw new Error(`${kind} is none of ${Object.keys(KINDS).join()}`);
const inputEnds = new Promise<void>((resolve) => {
  process.stdin
    .once("end", resolve)
    .once("error", () => resolve())
    .resume();
});
const kept = await started(KINDS[kind as keyof SharedServers]);
process.stdout.write(`${JSON.stringify(kept.address)}\n`);
await inputEnds;
await kept.stop();
