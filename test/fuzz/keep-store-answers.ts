import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CephServer } from "../servers/ceph.ts";
import { ElasticsearchServer } from "../servers/elasticsearch.ts";
import { HadoopServer } from "../servers/hadoop.ts";
import { sharedServer } from "../servers/shared-servers.ts";
import { newBucket } from "../sinks/s3/server.ts";
import type { Exchange } from "./exchanges.ts";
import { RecordingProxy } from "./recording-proxy.ts";
import { CALLS } from "./store-calls.ts";
import { type StoreKind, STORES } from "./stores.ts";

/**
 * Keeps what real stores answer as the inputs that `npm run fuzz` begins with:
 *
 *     node test/fuzz/keep-store-answers.ts elasticsearch|hdfs|s3
 *
 * Of a server that runs (TEST_ELASTICSEARCH, TEST_HDFS, TEST_S3, as for the tests), else of one of its own.
 */
interface Started {
  readonly url: string;
  readonly place: string;
  readonly keys?: object;
  readonly stop: () => Promise<void>;
}

const newName = (): string => `t${randomUUID().slice(0, 8)}`;
const nothing = (): Promise<void> => Promise.resolve();

const STARTS: Readonly<Record<StoreKind, () => Promise<Started>>> = {
  elasticsearch: async () => {
    const there = await sharedServer("elasticsearch");
    if (there !== undefined) return { url: there.url, place: newName(), stop: nothing };
    const server = await ElasticsearchServer.start();
    return { url: server.address.url, place: newName(), stop: () => server.stop() };
  },
  hdfs: async () => {
    const there = await sharedServer("hdfs");
    if (there !== undefined) return { url: there.url, place: `/t/${newName()}`, stop: nothing };
    const server = await HadoopServer.start();
    return { url: server.url, place: "/t/fuzz", stop: () => server.stop() };
  },
  s3: async () => {
    const there = await sharedServer("s3");
    if (there !== undefined) {
      const place = await newBucket(there);
      return { url: there.endpoint, place, keys: there, stop: nothing };
    }
    const ceph = await CephServer.start();
    const place = await newBucket({ endpoint: ceph.endpoint, ...ceph.user });
    return { url: ceph.endpoint, place, keys: ceph.user, stop: () => ceph.stop() };
  },
};

const kind = process.argv[2] as StoreKind;
const { url, place, keys = {}, stop } = await STARTS[kind]();
try {
  const proxy = await RecordingProxy.open(url);
  const kept: Record<string, readonly Exchange[]> = {};
  const sink = await STORES[kind](proxy.url, place, keys);
  for (const [name, call] of Object.entries(CALLS)) {
    await call(sink, AbortSignal.timeout(60_000));
    kept[name] = proxy.take();
    console.log(`${name}: ${kept[name]?.length} answers`);
  }
  await sink.close();
  await proxy.close();
  const path = fileURLToPath(new URL(`../vectors/answers/${kind}.json`, import.meta.url));
  writeFileSync(path, `${JSON.stringify(kept, undefined, 1)}\n`);
} finally {
  await stop();
}
