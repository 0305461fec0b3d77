import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "cassandra-driver";
import { encodeDescription } from "../../../src/core/manifest.ts";
import { builtInSinks } from "../../../sinks/index.ts";
import { sharedKafka } from "../../kafka/live-kafka.ts";
import { nodeClock, nodeRandom } from "../../../src/daemon/node-ports.ts";
import { decorate } from "../../../src/deliver/decorate.ts";
import { configDir } from "../../config/load.ts";
import { contentOf } from "../../operate/archive-damage.ts";
import { type SharedKind, type SharedServers, sharedServer } from "../../servers/shared-servers.ts";
import { cqlClient, freshKeyspace, settings } from "../../sinks/cassandra/place.ts";
import { unload } from "../../sinks/cassandra/unload.ts";
import { documentsBelow } from "../../sinks/elasticsearch/documents.ts";
import { ForeignHdfs } from "../../sinks/hdfs/foreign.ts";
import { newPath } from "../../sinks/hdfs/hdfs-place.ts";
import { rawRecords } from "../../sinks/kafka/raw-records.ts";
import { download } from "../../sinks/s3/download.ts";
import { type BucketKind, newBucket } from "../../sinks/s3/server.ts";
import type { Life } from "../life.ts";
import { DIED, type Ran, type Scenario } from "../scenario.ts";
import { CHAIN, NEVER_CAME, workOn } from "./sink-work.ts";

const RETRY = { firstMs: 50, maxMs: 400, tries: 30 };
const PORTS = { clock: nodeClock, random: nodeRandom };
const never = new AbortController().signal;

interface Place {
  readonly settings: object;
  /** What lies there, after it was brought into a folder. */
  content(into: string): Promise<readonly string[]>;
}

/** Places of one kind of sink, each used once, and what lies there as a foreign tool sees it. */
interface Places {
  readonly kind: string;
  next(): Place | Promise<Place>;
  close?(): Promise<void>;
}

async function server<K extends SharedKind>(kind: K): Promise<SharedServers[K]> {
  const found = await sharedServer(kind);
  if (found === undefined) throw new Error(`nobody keeps a server for ${kind}`);
  return found;
}

/** By path, with the digest of what is there. */
const contentIn = (dir: string): readonly string[] =>
  [...contentOf(dir)].map((entry) => entry.join(" "));
const word = (): string => `w${randomBytes(5).toString("hex")}`;

async function onS3(bucketKind: BucketKind, more: object): Promise<Places> {
  const s3 = await server("s3");
  return {
    kind: "s3",
    next: async () => {
      const [bucket, prefix] = [await newBucket(s3, bucketKind), word()];
      const content = async (into: string): Promise<readonly string[]> => {
        await download(s3, { bucket, prefix }, into);
        return contentIn(into);
      };
      // Nothing can be made to look old there: what dead runs left is old at once.
      return { settings: { ...s3, bucket, prefix, tmpMaxAge: "1ms", ...more }, content };
    },
  };
}

/** What a probe that died has left in Cassandra and nothing drops. */
async function probesForEver(cql: Client, keyspace: string): Promise<readonly string[]> {
  const left = ["batches", "chunks"].map(async (table) => {
    const what = table === "batches" ? "path" : "data";
    const { rows } = await cql.execute(
      `SELECT topic, TTL(${what}) AS ttl FROM ${keyspace}.${table}`,
    );
    const stays = rows.filter((r) => String(r["topic"]).startsWith("tmp/") && r["ttl"] === null);
    return stays.map((r) => `${r["topic"]} in ${table}`);
  });
  return (await Promise.all(left)).flat();
}

/** What writers that died long ago have left: half a file, and what describes a batch that never came. */
const LEFT: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["left.part", Buffer.from("half")],
  ["left.about", Buffer.from(encodeDescription(NEVER_CAME))],
];
const LONG_AGO_S = Math.floor(Date.now() / 1_000) - 3 * 86_400;
const wasLeft = (name: string): boolean => LEFT.some(([left]) => left === name);

const OPENED: Readonly<Record<string, () => Promise<Places>>> = {
  fs: () => {
    const dir = configDir();
    return Promise.resolve({
      kind: "fs",
      next: () => {
        const path = join(dir, word());
        mkdirSync(join(path, "tmp"), { recursive: true });
        for (const [name, bytes] of LEFT) {
          writeFileSync(join(path, "tmp", name), bytes);
          utimesSync(join(path, "tmp", name), LONG_AGO_S, LONG_AGO_S);
        }
        const left = (): readonly string[] => readdirSync(join(path, "tmp")).filter(wasLeft);
        const content = () => Promise.resolve([...contentIn(path), ...left()]);
        return { settings: { path }, content };
      },
      close: () => Promise.resolve(rmSync(dir, { recursive: true })),
    });
  },
  s3: () => onS3("plain", {}),
  "s3, by versions": () => onS3("versioned", { createOnly: "oldest-version" }),
  "s3, looked at first": () => onS3("plain", { createOnly: "head-then-put" }),
  hdfs: async () => {
    const { url } = await server("hdfs");
    return {
      kind: "hdfs",
      next: async () => {
        const [path, hdfs] = [newPath(), new ForeignHdfs(url)];
        const times = `SETTIMES&modificationtime=${LONG_AGO_S * 1_000}&accesstime=-1`;
        for (const [name, bytes] of LEFT) {
          await hdfs.write(`${path}/tmp/${name}`, bytes);
          await hdfs.call("PUT", `${path}/tmp/${name}`, times);
        }
        const content = async (into: string): Promise<readonly string[]> => {
          await hdfs.bring(path, into);
          const names = (await hdfs.files(path)).map((name) => name.replace("tmp/", ""));
          return [...contentIn(into), ...names.filter(wasLeft)];
        };
        return { settings: { url, user: "archiver", path }, content };
      },
    };
  },
  cassandra: async () => {
    const cassandra = await server("cassandra");
    const cql = await cqlClient(cassandra);
    let last = "";
    const drop = async (): Promise<void> => {
      if (last === "") return;
      await cql.execute(`DROP KEYSPACE IF EXISTS ${last}`, [], { prepare: false });
    };
    return {
      kind: "cassandra",
      next: () => {
        const keyspace = freshKeyspace();
        const content = async (into: string): Promise<readonly string[]> => {
          await drop();
          last = keyspace;
          await unload(cassandra, keyspace, into);
          const kept = contentIn(into).filter((name) => !name.startsWith("/data/tmp/"));
          return [...kept, ...(await probesForEver(cql, keyspace))];
        };
        return { settings: settings(cassandra, keyspace), content };
      },
      close: async () => {
        await drop();
        await cql.shutdown();
      },
    };
  },
  elasticsearch: async () => {
    const elasticsearch = await server("elasticsearch");
    return {
      kind: "elasticsearch",
      next: () => {
        const indexPrefix = word();
        const content = async (): Promise<readonly string[]> => {
          const found = await documentsBelow(elasticsearch.url, `${indexPrefix}-records-*`);
          return found.map((document) => JSON.stringify(document));
        };
        const bulkBytes = 2 << 10;
        return { settings: { ...elasticsearch, indexPrefix, bulkBytes }, content };
      },
    };
  },
  kafka: () => {
    const bootstrap = sharedKafka();
    return Promise.resolve({
      kind: "kafka",
      next: () => {
        const topicPrefix = `${word()}.`;
        const content = async (): Promise<readonly string[]> => {
          const topic = `${topicPrefix}${CHAIN[0]?.manifest.topic}`;
          const found = (await rawRecords(bootstrap, topic)).get(0) ?? [];
          return found.map(({ offset: _offset, ...record }) => JSON.stringify(record));
        };
        const most = { recordBatchBytes: 1 << 10 };
        return { settings: { brokers: bootstrap.split(","), topicPrefix, ...most }, content };
      },
    });
  },
};

async function worked(
  life: Life,
  kind: string,
  given: object,
  aside: { due: boolean },
): Promise<Ran> {
  const plugin = builtInSinks.get(kind);
  if (plugin === undefined) throw new Error(`there is no kind ${kind}`);
  const host = { name: kind, baseDir: "/", partitionCount: () => 1 };
  let stderr = "";
  const code = await life.run(async () => {
    try {
      const plain = await plugin.open(plugin.schema.parse(given), host, never);
      // A sink does not retry: a refusal that passes is no end of the work.
      const { sink } = decorate(plain, { name: kind, retry: RETRY }, PORTS);
      await workOn(sink, aside);
      await sink.close();
      return 0;
    } catch (error) {
      stderr = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return 1;
    }
  });
  return { code: code === "died" ? DIED : code, stdout: "", stderr };
}

const onSink = (name: string, open: () => Promise<Places>): Scenario => ({
  name: `a sink of kind ${name}`,
  open: async () => {
    const places = await open();
    const into = configDir();
    let [place, aside] = [await places.next(), { due: true }];
    let wanted: readonly string[] | undefined;
    return {
      reset: async () => {
        [place, aside] = [await places.next(), { due: true }];
      },
      run: (life) => worked(life, places.kind, place.settings, aside),
      judge: async () => {
        rmSync(into, { recursive: true, force: true });
        const found = await place.content(into);
        wanted ??= found;
        const records = CHAIN.reduce((n, { manifest: m }) => n + Number(m.records), 0);
        const files = found.some((name) => name.startsWith("/data/"));
        const most = files ? 2 * CHAIN.length : records;
        return [
          ...(found.length === most || files
            ? []
            : [`it has ${found.length} records of ${records}`]),
          ...found.filter(wasLeft).map((f) => `${f} was not swept`),
          ...wanted.filter((w) => !found.includes(w)).map((w) => `lacks ${w}`),
          ...found.filter((f) => !wanted?.includes(f)).map((f) => `has ${f}`),
        ].slice(0, 4);
      },
      close: async () => {
        rmSync(into, { recursive: true, force: true });
        await places.close?.();
      },
    };
  },
});

/** The drivers of sinks, each on its real server. */
export const SINKS: readonly Scenario[] = Object.entries(OPENED).map(([name, open]) =>
  onSink(name, open),
);
