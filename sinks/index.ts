import type { SinkPlugin } from "../src/sdk/sink.ts";
import { cassandraPlugin } from "./cassandra/cassandra-plugin.ts";
import { elasticsearchPlugin } from "./elasticsearch/elasticsearch-plugin.ts";
import { fsPlugin } from "./fs/fs-plugin.ts";
import { hdfsPlugin } from "./hdfs/hdfs-plugin.ts";
import { kafkaPlugin } from "./kafka/kafka-plugin.ts";
import { s3Plugin } from "./s3/s3-plugin.ts";

/** Kinds the configuration can name without a package; every other kind is an npm name. */
export const builtInSinks: ReadonlyMap<string, SinkPlugin> = new Map<string, SinkPlugin>(
  [fsPlugin, s3Plugin, hdfsPlugin, cassandraPlugin, elasticsearchPlugin, kafkaPlugin].map(
    (plugin) => [plugin.kind, plugin as SinkPlugin],
  ),
);
