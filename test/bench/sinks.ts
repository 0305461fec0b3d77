import { join } from "node:path";
import { produce } from "../load/produce.ts";
import { CassandraServer } from "../servers/cassandra.ts";
import { CephServer } from "../servers/ceph.ts";
import { ElasticsearchServer } from "../servers/elasticsearch.ts";
import { HadoopServer } from "../servers/hadoop.ts";
import { freshKeyspace, settings } from "../sinks/cassandra/place.ts";
import { newPath } from "../sinks/hdfs/hdfs-place.ts";
import { newBucket } from "../sinks/s3/server.ts";
import { drain, PARTITIONS } from "./drain.ts";
import { type Amount, type Row, show, times } from "./rows.ts";

export interface SinkBench {
  readonly bootstrap: string;
  readonly dir: string;
  readonly records: number;
}

interface Place {
  readonly name: string;
  /** Settings of a sink at a place that nobody else uses. */
  make(): Promise<Readonly<Record<string, unknown>>>;
}

/**
 * The same records to one sink after the other, each alone and the primary, then to three blob sinks at
 * once. CPU and memory are the daemon's; the servers share its cores, so rates are of both together.
 */
export async function benchSinks(o: SinkBench): Promise<void> {
  const rows: Row[] = [];
  let amount: Amount = { records: o.records, logicalBytes: 0 };
  const run = async (name: string, places: readonly Place[]): Promise<Row> => {
    const topic = `sink-${rows.length}-${Date.now()}`;
    const load = { partitions: PARTITIONS, bytes: 820, seed: 7, codec: "lz4" as const };
    const logicalBytes = await produce({ ...o, topic, ...load, perRequest: 2_000 });
    amount = { records: o.records, logicalBytes };
    const made = await Promise.all(
      places.map(async (p) => JSON.stringify({ name: p.name, ...(await p.make()) })),
    );
    const sinks = made.map((entry) => `  - ${entry}`).join("\n");
    console.log(`${name} …`);
    const row = await drain({ ...o, topic, home: join(o.dir, topic), sinks, name });
    rows.push(row);
    return row;
  };
  const files = { name: "files", make: () => Promise.resolve({ kind: "fs", path: "./archive" }) };
  const alone = await run("fs", [files]);
  const [ceph, hadoop] = await Promise.all([CephServer.start(), HadoopServer.start()]);
  const s3 = {
    name: "ceph",
    make: async () => {
      const address = { endpoint: ceph.endpoint, ...ceph.user };
      return { kind: "s3", ...address, bucket: await newBucket(address) };
    },
  };
  const hdfs = {
    name: "lake",
    make: () =>
      Promise.resolve({ kind: "hdfs", url: hadoop.url, user: "archiver", path: newPath() }),
  };
  const overS3 = await run("s3 (Ceph in memory)", [s3]);
  await run("hdfs (WebHDFS)", [hdfs]);
  const three = await run("fs, s3 and hdfs at once", [files, s3, hdfs]);
  await Promise.all([ceph.stop(), hadoop.stop()]);
  const cassandra = await CassandraServer.start();
  const wide = {
    name: "wide",
    make: () =>
      Promise.resolve({ kind: "cassandra", ...settings(cassandra.address, freshKeyspace()) }),
  };
  await run("cassandra", [wide]);
  await cassandra.stop();
  const elasticsearch = await ElasticsearchServer.start();
  const search = {
    name: "search",
    make: () => Promise.resolve({ kind: "elasticsearch", ...elasticsearch.address }),
  };
  await run("elasticsearch (documents)", [search]);
  await elasticsearch.stop();
  const siteB = {
    name: "site-b",
    make: () =>
      Promise.resolve({ kind: "kafka", brokers: [o.bootstrap], topicPrefix: `b${Date.now()}.` }),
  };
  await run("kafka (the same broker)", [siteB]);
  show(rows, amount);
  console.log(`\n  CPU, s3 against fs:                 ${times(alone, overS3, "cpuSeconds")} ×`);
  console.log(`  CPU, three blob sinks against fs:   ${times(alone, three, "cpuSeconds")} ×`);
}
