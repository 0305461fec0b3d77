import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { SharedServers } from "../../servers/shared-servers.ts";
import { cqlClient, freshKeyspace, settings } from "../cassandra/place.ts";
import { unload } from "../cassandra/unload.ts";
import { ForeignHdfs } from "../hdfs/foreign.ts";
import { newPath } from "../hdfs/hdfs-place.ts";
import { download } from "../s3/download.ts";
import { newBucket } from "../s3/server.ts";

export const NAMES = ["files", "ceph", "lake", "search", "wide", "site-b"] as const;
export type SinkName = (typeof NAMES)[number];
/** Those that hold sealed files, byte for byte. */
export const BLOBS = ["files", "ceph", "lake", "wide"] as const;

/** Real servers; the target Kafka may be the source's own. */
export type SixServers = SharedServers;

type Settings = Readonly<Record<string, unknown>>;

/**
 * One archive in six sinks, each at a place that nobody else uses. The readers share nothing with the
 * product: plain files, the AWS SDK, curl, CQL over a socket.
 */
export class SixSinks {
  readonly home: string;
  readonly servers: SixServers;
  readonly #bucket: string;
  readonly #path = newPath();
  readonly #keyspace = freshKeyspace();
  readonly #word = `six${randomBytes(4).toString("hex")}`;

  private constructor(home: string, servers: SixServers, bucket: string) {
    this.home = home;
    this.servers = servers;
    this.#bucket = bucket;
  }

  static async prepare(home: string, servers: SixServers): Promise<SixSinks> {
    mkdirSync(home, { recursive: true });
    return new SixSinks(home, servers, await newBucket(servers.s3));
  }

  get indexPrefix(): string {
    return this.#word;
  }

  get bucket(): string {
    return this.#bucket;
  }

  get path(): string {
    return this.#path;
  }

  get keyspace(): string {
    return this.#keyspace;
  }

  /** Where the target has a topic's copy. */
  copyOf(topic: string): string {
    return `${this.#word}.${topic}`;
  }

  /** The sinks of a configuration as YAML lines. `more`: further settings, by sink. */
  entries(
    names: readonly SinkName[] = NAMES,
    more: Readonly<Partial<Record<SinkName, Settings>>> = {},
  ): string {
    const { s3, hdfs, cassandra, elasticsearch, kafka } = this.servers;
    const all: Readonly<Record<SinkName, Settings>> = {
      files: { kind: "fs", path: "./files" },
      ceph: { kind: "s3", ...s3, bucket: this.#bucket, prefix: "site-a" },
      lake: { kind: "hdfs", ...hdfs, user: "archiver", path: this.#path },
      search: { kind: "elasticsearch", ...elasticsearch, indexPrefix: this.#word },
      wide: { kind: "cassandra", ...settings(cassandra, this.#keyspace) },
      "site-b": {
        kind: "kafka",
        brokers: kafka.bootstrap.split(","),
        topicPrefix: `${this.#word}.`,
      },
    };
    return names
      .map((name) => `  - ${JSON.stringify({ name, ...all[name], ...more[name] })}`)
      .join("\n");
  }

  /** The stored files of a blob sink in a folder, brought by a foreign tool. */
  async bring(name: (typeof BLOBS)[number]): Promise<string> {
    if (name === "files") return join(this.home, "files");
    const into = join(this.home, "copies", name);
    if (name === "ceph") {
      await download(this.servers.s3, { bucket: this.#bucket, prefix: "site-a" }, into);
    } else if (name === "wide") {
      await unload(this.servers.cassandra, this.#keyspace, into);
    } else {
      await new ForeignHdfs(this.servers.hdfs.url).bring(this.#path, into);
    }
    return into;
  }

  async dispose(): Promise<void> {
    const cql = await cqlClient(this.servers.cassandra);
    await cql.execute(`DROP KEYSPACE IF EXISTS ${this.#keyspace}`, [], { prepare: false });
    await cql.shutdown();
  }
}
