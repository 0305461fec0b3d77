import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { kafkaClassPath } from "./kafka-jars.ts";
import { KafkaSecurity, type Listener, LISTENERS, type SecurityOptions } from "./kafka-security.ts";
import { answers, freePorts, gone } from "./server-process.ts";
import { SmallDisk } from "./small-disk.ts";

export interface KafkaOptions {
  /** One node, or three with a controller quorum. */
  readonly nodes?: 1 | 3;
  /** Added to server.properties. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly heap?: string;
  /** Clusters that know of each other need ids of their own. @default the same for every test's */
  readonly clusterId?: string;
  /** Listeners with TLS and SASL beside the plain one. */
  readonly security?: SecurityOptions;
  /** Further plain listeners with something in front: of each door the port by node that clients are told. */
  readonly doors?: readonly (readonly number[])[];
  /** A folder of logs that another Kafka of one node left: copied, and gone on with. */
  readonly from?: string;
  /** All nodes' folders lie on a disk of this size. @default that of the system */
  readonly diskMib?: number;
  readonly say?: (text: string) => void;
}

const START_MS = 60_000;
const CLUSTER_ID = "YnVsay1hcmNoaXZlci10ZQ";

interface Node {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  /** In the order of `LISTENERS`; none without security. */
  readonly securedPorts: readonly number[];
  readonly doors: readonly { readonly port: number; readonly told: number }[];
  readonly dir: string;
  child: ChildProcess | null;
}

/** A real KRaft Kafka on loopback, with its data in a temporary folder. */
export class KafkaServer {
  readonly #nodes: readonly Node[];
  readonly #dir: string;
  readonly #classPath: string;
  readonly #heap: string;
  readonly #clusterId: string;
  readonly #security: KafkaSecurity | null;
  /** Where the folder has one of its own. */
  readonly disk: SmallDisk | undefined;

  private constructor(nodes: readonly Node[], dir: string, classPath: string, o: KafkaOptions) {
    this.disk = o.diskMib === undefined ? undefined : SmallDisk.at(dir, o.diskMib);
    this.#nodes = nodes;
    this.#dir = dir;
    this.#classPath = classPath;
    this.#heap = o.heap ?? "512m";
    this.#clusterId = o.clusterId ?? CLUSTER_ID;
    this.#security = o.security === undefined ? null : new KafkaSecurity(dir, o.security);
  }

  static async start(o: KafkaOptions = {}): Promise<KafkaServer> {
    const classPath = await kafkaClassPath(o.say);
    const dir = mkdtempSync(join(tmpdir(), "archiver-kafka-"));
    const count = o.nodes ?? 1;
    const doors = o.doors ?? [];
    const secured = 2 + (o.security === undefined ? 0 : LISTENERS.length);
    const each = secured + doors.length;
    const ports = await freePorts(each * count);
    const nodes = Array.from({ length: count }, (_, i): Node => ({
      id: i + 1,
      port: ports[each * i] ?? 0,
      controllerPort: ports[each * i + 1] ?? 0,
      securedPorts: ports.slice(each * i + 2, each * i + secured),
      doors: doors.map((told, d) => ({
        port: ports[each * i + secured + d] ?? 0,
        told: told[i] ?? 0,
      })),
      dir: join(dir, `node${i + 1}`),
      child: null,
    }));
    const server = new KafkaServer(nodes, dir, classPath, o);
    for (const node of nodes) await server.#format(node, o.properties ?? {}, o.from);
    for (const node of nodes) server.#launch(node);
    for (const node of nodes) await server.#ready(node);
    return server;
  }

  get bootstrap(): string {
    return this.#nodes.map((n) => `127.0.0.1:${n.port}`).join(",");
  }

  /** Address of a secured listener. */
  at(listener: Listener): string {
    const i = LISTENERS.indexOf(listener);
    return this.#nodes.map((n) => `127.0.0.1:${n.securedPorts[i] ?? 0}`).join(",");
  }

  /** Where a door's proxies find the nodes. */
  behind(door: number): readonly number[] {
    return this.#nodes.map((n) => n.doors[door]?.port ?? 0);
  }

  get security(): KafkaSecurity {
    if (this.#security === null) throw new Error("this Kafka was started without security");
    return this.#security;
  }

  get classPath(): string {
    return this.#classPath;
  }

  /** Where each node keeps its logs: `topic-partition/00000000000000000000.log`. */
  get logDirs(): readonly string[] {
    return this.#nodes.map((n) => join(n.dir, "data"));
  }

  get pids(): readonly number[] {
    return this.#nodes.map((n) => n.child?.pid ?? -1);
  }

  signal(node: number, name: NodeJS.Signals): void {
    this.#nodes[node]?.child?.kill(name);
  }

  async kill(node: number): Promise<void> {
    const child = this.#nodes[node]?.child;
    if (child == null) return;
    child.kill("SIGKILL");
    await gone(child);
  }

  /** In order: logs are flushed, so that nothing is recovered at the next start. */
  async shutDown(node: number): Promise<void> {
    const child = this.#nodes[node]?.child;
    if (child == null) return;
    child.kill("SIGTERM");
    await gone(child);
  }

  async restart(node: number): Promise<void> {
    const found = this.#nodes[node];
    if (found === undefined) throw new Error(`there is no node ${node}`);
    await this.kill(node);
    this.#launch(found);
    await this.#ready(found);
  }

  /** One of Kafka's own tools; its standard output. */
  tool(className: string, args: readonly string[], input = ""): string {
    const run = spawnSync("java", ["-Xmx256m", "-cp", this.#classPath, className, ...args], {
      encoding: "utf8",
      input,
      maxBuffer: 1 << 30,
    });
    if (run.status === 0) return run.stdout;
    throw new Error(`${className} ended with ${run.status}:\n${run.stdout}${run.stderr}`);
  }

  async stop(): Promise<void> {
    for (const { child } of this.#nodes) child?.kill("SIGKILL");
    for (const { child } of this.#nodes) if (child !== null) await gone(child);
    this.disk?.unmount();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #format(
    node: Node,
    extra: Readonly<Record<string, string>>,
    from: string | undefined,
  ): Promise<void> {
    await mkdir(node.dir, { recursive: true });
    const config = join(node.dir, "server.properties");
    writeFileSync(config, this.#properties(node, extra));
    if (from !== undefined) return cp(from, join(node.dir, "data"), { recursive: true });
    const args = ["-Xmx128m", "-cp", this.#classPath, "kafka.tools.StorageTool", "format"];
    const users = this.#security?.formatArguments() ?? [];
    const all = [...args, "-t", this.#clusterId, "-c", config, ...users];
    const run = spawnSync("java", all, { encoding: "utf8" });
    if (run.status !== 0) throw new Error(`Kafka's folder could not be formatted:\n${run.stderr}`);
  }

  #properties(node: Node, extra: Readonly<Record<string, string>>): string {
    const copies = String(this.#nodes.length);
    const voters = this.#nodes.map((n) => `${n.id}@127.0.0.1:${n.controllerPort}`).join(",");
    const secured = node.securedPorts.map(
      (p, i) => `,${LISTENERS[i]?.toUpperCase()}://127.0.0.1:${p}`,
    );
    const more = secured.join("");
    const listening = node.doors.map(({ port }, d) => `,DOOR${d}://127.0.0.1:${port}`).join("");
    const told = node.doors.map((door, d) => `,DOOR${d}://127.0.0.1:${door.told}`).join("");
    const plain = node.doors.map((_, d) => `,DOOR${d}:PLAINTEXT`).join("");
    const map = (this.#security === null ? "" : `,${this.#security.protocolMap()}`) + plain;
    const all: Record<string, string> = {
      "process.roles": "broker,controller",
      "node.id": String(node.id),
      "controller.quorum.voters": voters,
      listeners: `PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}${more}${listening}`,
      "advertised.listeners": `PLAINTEXT://127.0.0.1:${node.port}${more}${told}`,
      "controller.listener.names": "CONTROLLER",
      "listener.security.protocol.map": `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${map}`,
      "log.dirs": join(node.dir, "data"),
      "offsets.topic.replication.factor": copies,
      "offsets.topic.num.partitions": "4",
      "transaction.state.log.replication.factor": copies,
      "transaction.state.log.min.isr": copies === "1" ? "1" : "2",
      "transaction.state.log.num.partitions": "4",
      "default.replication.factor": copies,
      "group.initial.rebalance.delay.ms": "0",
      "auto.create.topics.enable": "false",
      "message.max.bytes": String(32 << 20),
      "log.cleaner.dedupe.buffer.size": String(8 << 20),
      // A test that waits for compaction waits for the cleaner's next look.
      "log.cleaner.backoff.ms": "300",
      ...this.#security?.properties(),
      ...extra,
    };
    return Object.entries(all)
      .map(([k, v]) => `${k}=${v}\n`)
      .join("");
  }

  #launch(node: Node): void {
    const log = openSync(join(node.dir, "kafka.log"), "a");
    const jvm = [
      `-Xmx${this.#heap}`,
      "-Xms128m",
      "-XX:TieredStopAtLevel=1",
      // On a full disk a page of a mapped file cannot be had, of which it dies.
      "-XX:+ErrorFileToStderr",
      "-cp",
      this.#classPath,
    ];
    node.child = spawn("java", [...jvm, "kafka.Kafka", join(node.dir, "server.properties")], {
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
  }

  async #ready(node: Node): Promise<void> {
    for (let waited = 0; waited < START_MS; waited += 200) {
      if (node.child?.exitCode != null) break;
      if (await answers(node.port)) return;
      await sleep(200);
    }
    const log = readFileSync(join(node.dir, "kafka.log"), "utf8").split("\n").slice(-25).join("\n");
    throw new Error(`Kafka node ${node.id} did not start; its log ends:\n${log}`);
  }
}
