import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JavaServer } from "./java-server.ts";
import { KAFKA_VERSION, kafkaClassPath } from "./kafka-jars.ts";
import { mavenJars } from "./maven-jars.ts";

export interface MirrorMakerOptions {
  /** Bootstrap addresses. */
  readonly from: string;
  readonly to: string;
  readonly topics: readonly string[];
  /** Their committed offsets are translated and committed in the other cluster, as long as nobody uses them there. */
  readonly groups: readonly string[];
}

/** Kafka's own MirrorMaker 2 between two clusters that it calls `a` and `b`; topics keep their names. */
export class MirrorMaker extends JavaServer {
  readonly #classPath: string;
  readonly #config: string;

  private constructor(dir: string, classPath: string) {
    super("MirrorMaker", dir);
    this.#classPath = classPath;
    this.#config = join(dir, "mm2.properties");
  }

  static async start(o: MirrorMakerOptions): Promise<MirrorMaker> {
    const jars = await mavenJars("mirror-maker", KAFKA_VERSION);
    const classPath = `${jars}/*:${await kafkaClassPath()}`;
    const dir = mkdtempSync(join(tmpdir(), "archiver-mirror-"));
    mkdirSync(join(dir, "logs"));
    const mirror = new MirrorMaker(dir, classPath);
    writeFileSync(mirror.#config, properties(o));
    return mirror.begin();
  }

  /** Whether it makes such a topic for itself in the cluster that it copies to. */
  static made(topic: string): boolean {
    return topic === "heartbeats" || /^(?:mm2-\w+\.a|a\.checkpoints)\.internal$/.test(topic);
  }

  protected arguments(): readonly string[] {
    const jvm = ["-Xmx320m", "-XX:TieredStopAtLevel=1", "-cp", this.#classPath];
    return [...jvm, "org.apache.kafka.connect.mirror.MirrorMaker", this.#config];
  }

  /** It says nothing without a logger of its own: what it mirrored is seen in the other cluster. */
  protected ready(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

/** All that it looks after by the minute is looked after by the second. */
function properties({ from, to, topics, groups }: MirrorMakerOptions): string {
  const mirror = "org.apache.kafka.connect.mirror";
  const all: Record<string, string> = {
    clusters: "a, b",
    "a.bootstrap.servers": from,
    "b.bootstrap.servers": to,
    "a->b.enabled": "true",
    "b->a.enabled": "false",
    "a->b.topics": topics.join(),
    "a->b.groups": groups.join(),
    "replication.policy.class": `${mirror}.IdentityReplicationPolicy`,
    "replication.factor": "1",
    "checkpoints.topic.replication.factor": "1",
    "heartbeats.topic.replication.factor": "1",
    "offset-syncs.topic.replication.factor": "1",
    "offset.storage.replication.factor": "1",
    "status.storage.replication.factor": "1",
    "config.storage.replication.factor": "1",
    "offset.storage.partitions": "1",
    "status.storage.partitions": "1",
    "offset.lag.max": "0",
    "emit.heartbeats.enabled": "false",
    "emit.checkpoints.interval.seconds": "1",
    "refresh.topics.interval.seconds": "1",
    "refresh.groups.interval.seconds": "1",
    "sync.group.offsets.enabled": "true",
    "sync.group.offsets.interval.seconds": "1",
    "offset.flush.interval.ms": "1000",
    "tasks.max": "1",
  };
  return Object.entries(all)
    .map(([k, v]) => `${k}=${v}\n`)
    .join("");
}
