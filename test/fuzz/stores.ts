import { elasticsearchPlugin } from "../../sinks/elasticsearch/elasticsearch-plugin.ts";
import { hdfsPlugin } from "../../sinks/hdfs/hdfs-plugin.ts";
import { s3Plugin } from "../../sinks/s3/s3-plugin.ts";
import type { Host, Sink } from "../../src/sdk/sink.ts";

export type StoreKind = "elasticsearch" | "hdfs" | "s3";

const host = (name: string): Host => ({ name, baseDir: "/" });
const never = new AbortController().signal;
const NOBODY = { accessKeyId: "AK", secretAccessKey: "SK" };

/** A sink of each kind that speaks HTTP, at this address. */
export const STORES: Readonly<
  Record<StoreKind, (url: string, place: string, keys?: object) => Promise<Sink>>
> = {
  elasticsearch: (url, indexPrefix) =>
    elasticsearchPlugin.open(
      elasticsearchPlugin.schema.parse({ url, indexPrefix }),
      host("elasticsearch"),
      never,
    ),
  hdfs: (url, path) =>
    hdfsPlugin.open(hdfsPlugin.schema.parse({ url, path, user: "archiver" }), host("hdfs"), never),
  s3: (endpoint, bucket, keys = NOBODY) => {
    const { accessKeyId, secretAccessKey } = keys as typeof NOBODY;
    const given = { endpoint, bucket, accessKeyId, secretAccessKey, prefix: "archive" };
    return s3Plugin.open(s3Plugin.schema.parse(given), host("s3"), never);
  },
};
