import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Daemon } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { groupsAreReady } from "../kafka/live-kafka.ts";
import { produce } from "../load/produce.ts";
import { CephServer } from "../servers/ceph.ts";
import { FaultProxy } from "../servers/fault-proxy.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { freePorts } from "../servers/server-process.ts";
import { newBucket } from "../sinks/s3/server.ts";

export const TOPIC = "soak";
export const GROUP = "soak";
const PARTITIONS = 6;
const STEADY = "steady";
const MEMORY_MIB = 64;
/** Of some 900 bytes each. */
const BACKLOG_RECORDS = Math.ceil((2 * MEMORY_MIB * (1 << 20)) / 900);

/** Sinks in folders that can be taken away like mounts. `near` may be away, the others are waited for. */
export const FOLDERS = ["files", "near"] as const;
export type Folder = (typeof FOLDERS)[number];

export interface Slot {
  readonly name: string;
  readonly config: string;
  daemon: Daemon | null;
}

/** A Kafka and a Ceph behind networks that fail, folders, live production, and daemons in one group. */
export class World {
  readonly dir: string;
  readonly kafka: KafkaServer;
  readonly ceph: CephServer;
  readonly toKafka: FaultProxy;
  readonly toCeph: FaultProxy;
  readonly bucket: string;
  readonly live: LiveTopic;
  /** The first one is never killed or frozen: its memory is watched. */
  readonly daemons: readonly Slot[];
  readonly #port: number;
  refusedSends = 0;
  #producing: Promise<void> = Promise.resolve();
  #stopProducing = false;

  private constructor(
    dir: string,
    servers: { kafka: KafkaServer; ceph: CephServer; toKafka: FaultProxy; toCeph: FaultProxy },
    bucket: string,
    live: LiveTopic,
    port: number,
  ) {
    this.dir = dir;
    this.#port = port;
    ({ kafka: this.kafka, ceph: this.ceph, toKafka: this.toKafka, toCeph: this.toCeph } = servers);
    this.bucket = bucket;
    this.live = live;
    this.daemons = [STEADY, "second", "third"].map((name) => ({
      name,
      config: this.#config(name),
      daemon: null,
    }));
  }

  static async begin(): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), "archiver-soak-"));
    // A broker says to clients where it is, so its proxy is there before it.
    const broker = { host: "127.0.0.1", port: 0 };
    const toKafka = await FaultProxy.open(broker);
    const properties = {
      "advertised.listeners": `PLAINTEXT://127.0.0.1:${toKafka.port}`,
    };
    const [kafka, ceph] = await Promise.all([
      KafkaServer.start({ properties, heap: "768m" }),
      CephServer.start({ store: "disk" }),
    ]);
    broker.port = Number(kafka.bootstrap.split(":")[1]);
    await groupsAreReady(kafka.bootstrap);
    const gateway = new URL(ceph.endpoint);
    const toCeph = await FaultProxy.open({ host: gateway.hostname, port: Number(gateway.port) });
    const bucket = await newBucket({ endpoint: ceph.endpoint, ...ceph.user });
    const live = await LiveTopic.create(kafka.bootstrap, TOPIC, PARTITIONS, false);
    execFileSync("age-keygen", ["-o", join(dir, "identity")], { stdio: "pipe" });
    writeFileSync(join(dir, "seed"), `${randomBytes(32).toString("hex")}\n`);
    for (const folder of FOLDERS) mkdirSync(join(dir, folder));
    const [port = 0] = await freePorts(1);
    return new World(dir, { kafka, ceph, toKafka, toCeph }, bucket, live, port);
  }

  get identity(): string {
    return join(this.dir, "identity");
  }

  /** The daemon that is never killed or frozen, and the port of its metrics. */
  get steady(): { readonly pid: number; readonly port: number } {
    return { pid: this.daemons[0]?.daemon?.pid ?? -1, port: this.#port };
  }

  archive(folder: Folder): string {
    return join(this.dir, folder, "archive");
  }

  /**
   * Twice what the budget holds, so that a daemon begins with all the memory that it may ever take for batches:
   * what it keeps for re-use is then there from the beginning, and what grows later is a leak.
   */
  async fill(): Promise<void> {
    const load = { topic: TOPIC, partitions: PARTITIONS, bytes: 820, seed: 1 };
    await produce({
      ...{ bootstrap: this.kafka.bootstrap, ...load },
      ...{ records: BACKLOG_RECORDS, codec: "none" },
    });
  }

  start(slot: Slot): void {
    slot.daemon = Daemon.start(slot.config, join(this.dir, `${slot.name}.log`));
  }

  /** Goes on through outages of the broker; what a send did not get through is sent anew. */
  produce(perSecond: number): void {
    const everyMs = 200;
    const each = Math.max(1, Math.round((perSecond * everyMs) / 1_000));
    this.#producing = (async () => {
      while (!this.#stopProducing) {
        const began = performance.now();
        const [sent] = await Promise.allSettled([this.live.produce(each)]);
        if (sent.status === "rejected") this.refusedSends += 1;
        await sleep(Math.max(0, everyMs - (performance.now() - began)));
      }
    })();
  }

  async stopProducing(): Promise<void> {
    this.#stopProducing = true;
    await this.#producing;
  }

  async close(keep: boolean): Promise<void> {
    this.#stopProducing = true;
    for (const { daemon } of this.daemons) if (daemon !== null) await daemon.kill();
    await Promise.allSettled([this.#producing]);
    await Promise.allSettled([this.live.close()]);
    await Promise.all([this.kafka.stop(), this.ceph.stop()]);
    await Promise.all([this.toKafka.close(), this.toCeph.close()]);
    if (!keep) rmSync(this.dir, { recursive: true, force: true });
  }

  #config(name: string): string {
    const recipient = execFileSync("age-keygen", ["-y", this.identity], { encoding: "utf8" });
    const s3 = {
      ...{ name: "ceph", kind: "s3", endpoint: `http://127.0.0.1:${this.toCeph.port}` },
      ...{ bucket: this.bucket, prefix: "soak", timeout: "3s", connectTimeout: "2s" },
      ...this.ceph.user,
    };
    const lines = [
      `kafka: { brokers: ["127.0.0.1:${this.toKafka.port}"], sessionTimeout: 6s, heartbeat: 500ms }`,
      `group: ${GROUP}`,
      `topics: [${TOPIC}]`,
      "batch: { bytes: 512KiB, age: 3s }",
      `memory: ${MEMORY_MIB}MiB`,
      "drainTimeout: 10s",
      `encryption: { recipients: [${recipient.trim()}], seedFile: ./seed }`,
      ...(name === STEADY ? [`http: { listen: "127.0.0.1:${this.#port}" }`] : []),
      "sinks:",
      "  - { name: files, kind: fs, path: ./files/archive }",
      "  - { name: near, kind: fs, path: ./near/archive, whenAway: { detach: 5s } }",
      `  - ${JSON.stringify(s3)}`,
    ];
    const path = join(this.dir, `${name}.yaml`);
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  }
}
