import { expect, test } from "vitest";
import { cassandraPlugin } from "../../sinks/cassandra/cassandra-plugin.ts";
import { elasticsearchPlugin } from "../../sinks/elasticsearch/elasticsearch-plugin.ts";
import { fsPlugin } from "../../sinks/fs/fs-plugin.ts";
import { hdfsPlugin } from "../../sinks/hdfs/hdfs-plugin.ts";
import { kafkaPlugin } from "../../sinks/kafka/kafka-plugin.ts";
import { s3Plugin } from "../../sinks/s3/s3-plugin.ts";
import type { SinkPlugin } from "../../src/sdk/sink.ts";

/** What the page and `status` say of a sink's place: for people, and without what is in an address besides. */
function where<C>(plugin: SinkPlugin<C>, config: object): string | undefined {
  return plugin.where?.(plugin.schema.parse(config), "/etc/archiver");
}

test("each built-in sink names its place", () => {
  expect([
    where(fsPlugin, { path: "./archive" }),
    where(s3Plugin, { endpoint: "https://rgw.eu1:8000/", bucket: "logs", prefix: "a/b/" }),
    where(s3Plugin, { bucket: "logs", region: "eu-central-1" }),
    where(hdfsPlugin, { url: ["http://nn1:9870", "http://nn2:9870/webhdfs/v1"], path: "/archive" }),
    where(elasticsearchPlugin, { url: "https://es1:9200" }),
    where(cassandraPlugin, {
      ...{ contactPoints: ["c1:9042", "c2:9042"], localDataCenter: "dc1", keyspace: "archive" },
    }),
    where(kafkaPlugin, { brokers: ["k1:9092"], topicPrefix: "copy." }),
    where(kafkaPlugin, { brokers: ["k1:9092", "k2:9092"] }),
  ]).toEqual([
    "/etc/archiver/archive",
    "rgw.eu1:8000/logs/a/b",
    "AWS eu-central-1/logs",
    "nn1:9870, nn2:9870 /archive",
    "es1:9200 bulk-archiver, documents",
    "c1:9042, c2:9042 archive",
    "k1:9092 copy.*",
    "k1:9092, k2:9092",
  ]);
});

test("what stands in an address beside host and port is not shown", () => {
  const said = where(elasticsearchPlugin, {
    url: "https://me:correct-horse@es1:9200/x?key=battery",
  });
  expect(said).toBe("es1:9200 bulk-archiver, documents");
});
