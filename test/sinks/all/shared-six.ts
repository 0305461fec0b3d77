import { sharedKafka } from "../../kafka/live-kafka.ts";
import { type SharedKind, type SharedServers, sharedServer } from "../../servers/shared-servers.ts";
import type { SixServers } from "./six-sinks.ts";

async function server<K extends SharedKind>(kind: K): Promise<SharedServers[K]> {
  const found = await sharedServer(kind);
  if (found === undefined) throw new Error(`the global set-up keeps no ${kind}`);
  return found;
}

/** One of each kind, which the whole run shares; the target Kafka is the source's own. */
export async function sharedSix(): Promise<SixServers> {
  const [s3, hdfs, cassandra, elasticsearch] = await Promise.all([
    server("s3"),
    server("hdfs"),
    server("cassandra"),
    server("elasticsearch"),
  ]);
  const kafka = { bootstrap: sharedKafka(), classPath: "" };
  return { s3, hdfs, cassandra, elasticsearch, kafka };
}
