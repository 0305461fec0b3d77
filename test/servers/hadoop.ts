import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type HadoopNode, hadoopNodes, type HadoopPorts, writeHadoopConf } from "./hadoop-conf.ts";
import { mavenJars } from "./maven-jars.ts";
import { answers, freePorts, gone } from "./server-process.ts";

export const HADOOP_VERSION = "3.4.1";

export interface HadoopOptions {
  /** A second NameNode; the first is made active. */
  readonly standby?: boolean;
  /** An HttpFS gateway as well. */
  readonly httpfs?: boolean;
  /** Added to core-site, hdfs-site and httpfs-site. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly say?: (text: string) => void;
}

const START_MS = 90_000;
/** Everything is asked for anew at this pace while a server starts. */
const LOOK_MS = 100;

interface RunningNode extends HadoopNode {
  child: ChildProcess | null;
}

/**
 * A real HDFS on loopback: a NameNode and a DataNode, each a JVM, with their data in a temporary
 * folder. Its superuser is `super`; `/t` belongs to the user `archiver`.
 */
export class HadoopServer {
  readonly #dir: string;
  readonly #ports: HadoopPorts;
  readonly #jars: string;
  readonly #options: HadoopOptions;
  readonly #nodes: readonly RunningNode[];

  private constructor(dir: string, ports: HadoopPorts, jars: string, options: HadoopOptions) {
    this.#dir = dir;
    this.#ports = ports;
    this.#jars = jars;
    this.#options = options;
    const { standby = false, httpfs = false } = options;
    this.#nodes = hadoopNodes(dir, ports, { standby, httpfs }).map((n) => ({ ...n, child: null }));
  }

  static async start(options: HadoopOptions = {}): Promise<HadoopServer> {
    const jars = await mavenJars("hadoop", HADOOP_VERSION, options.say);
    const dir = mkdtempSync(join(tmpdir(), "archiver-hadoop-"));
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = await freePorts(8);
    const ports: HadoopPorts = { nameRpc: [a, b], nameHttp: [c, d], data: [e, f, g], httpfs: h };
    const server = new HadoopServer(dir, ports, jars, options);
    try {
      await server.#begin();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** The NameNode's address, as a configuration names it. */
  get url(): string {
    return `http://127.0.0.1:${this.#ports.nameHttp[0]}`;
  }

  get standbyUrl(): string {
    return `http://127.0.0.1:${this.#ports.nameHttp[1]}`;
  }

  get httpfsUrl(): string {
    return `http://127.0.0.1:${this.#ports.httpfs}`;
  }

  /** host:port of the DataNode's HTTP, where redirects lead. */
  get dataNode(): string {
    return `127.0.0.1:${this.#ports.data[1]}`;
  }

  /** Folder of the DataNode's blocks. */
  get blocks(): string {
    return join(this.#dir, "data");
  }

  pid(name: string): number {
    return this.#node(name).child?.pid ?? -1;
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#node(name).child?.kill(signal);
  }

  async kill(name: string): Promise<void> {
    const { child } = this.#node(name);
    if (child === null) return;
    child.kill("SIGKILL");
    await gone(child);
  }

  /** Starts a node that was killed; resolves when the cluster takes writes again. */
  async restart(name: string): Promise<void> {
    await this.kill(name);
    this.#launch(this.#node(name));
    await this.ready();
  }

  /** Resolves when the NameNode is out of safe mode and the DataNode serves it. */
  async ready(nameHttp = this.#ports.nameHttp[0]): Promise<void> {
    // The NameNode counts a DataNode as live long after it was killed.
    await this.#until("the DataNode serves its NameNode", async () => {
      const info = await jmx(this.#ports.data[1], "Hadoop:service=DataNode,name=DataNodeInfo");
      return /"ActorState":"RUNNING"/.test(String(info?.["BPServiceActorInfo"]));
    });
    const query = "Hadoop:service=NameNode,name=FSNamesystemState";
    await this.#until("the NameNode has a DataNode and is out of safe mode", async () => {
      const state = await jmx(nameHttp, query);
      return state?.["FSState"] === "Operational" && state["NumLiveDataNodes"] === 1;
    });
  }

  /** Makes one of two NameNodes active; the other has to be dead or standby. */
  async activate(name: "nn1" | "nn2"): Promise<void> {
    const args = ["-transitionToActive", "--forceactive", name];
    await this.#java("namenode1", "org.apache.hadoop.hdfs.tools.DFSHAAdmin", args);
    await this.ready(this.#ports.nameHttp[name === "nn1" ? 0 : 1]);
  }

  /** `hdfs dfsadmin`, as the superuser; its standard output. */
  admin(...args: string[]): Promise<string> {
    return this.tool("org.apache.hadoop.hdfs.tools.DFSAdmin", args);
  }

  /** One of Hadoop's own tools, as the superuser; its standard output. */
  tool(mainClass: string, args: readonly string[]): Promise<string> {
    return this.#java("namenode1", mainClass, args);
  }

  async stop(): Promise<void> {
    for (const { child } of this.#nodes) child?.kill("SIGKILL");
    for (const { child } of this.#nodes) if (child !== null) await gone(child);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  log(name: string): string {
    const path = join(this.#dir, `${name}.log`);
    return readFileSync(path, "utf8").split("\n").slice(-25).join("\n");
  }

  async #begin(): Promise<void> {
    const { properties = {}, standby = false, httpfs = false } = this.#options;
    for (const node of this.#nodes) {
      writeHadoopConf(this.#dir, node, { ports: this.#ports, standby, properties });
    }
    for (const name of ["data", "tmp"]) mkdirSync(join(this.#dir, name));
    const { mainClass } = this.#node("namenode1");
    await this.#java("namenode1", mainClass, ["-format", "-force", "-nonInteractive"]);
    this.#launch(this.#node("namenode1"));
    this.#launch(this.#node("datanode"));
    if (httpfs) this.#launch(this.#node("httpfs"));
    if (standby) await this.#beginStandby(mainClass);
    await this.ready();
    if (httpfs) {
      await this.#until("HttpFS answers", () => answers(this.#ports.httpfs));
    }
    await this.#homeOfArchiver();
  }

  async #beginStandby(mainClass: string): Promise<void> {
    await this.#until("the first NameNode answers", () => answers(this.#ports.nameRpc[0]));
    await this.#java("namenode2", mainClass, ["-bootstrapStandby", "-force", "-nonInteractive"]);
    this.#launch(this.#node("namenode2"));
    await this.#until("the second NameNode answers", () => answers(this.#ports.nameRpc[1]));
    await this.activate("nn1");
  }

  async #homeOfArchiver(): Promise<void> {
    const base = `${this.url}/webhdfs/v1/t?user.name=super`;
    for (const call of ["op=MKDIRS&permission=755", "op=SETOWNER&owner=archiver&group=archiver"]) {
      const { ok, status } = await fetch(`${base}&${call}`, { method: "PUT" });
      if (!ok) throw new Error(`${call} was answered ${status}`);
    }
  }

  #node(name: string): RunningNode {
    const found = this.#nodes.find((n) => n.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  }

  #arguments(name: string, heap: string, mainClass: string): string[] {
    const conf = join(this.#dir, "conf", name);
    return [
      `-Xmx${heap}`,
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-Djava.net.preferIPv4Stack=true",
      `-Dhadoop.log.dir=${this.#dir}`,
      `-Dhadoop.home.dir=${this.#dir}`,
      `-Dhttpfs.home.dir=${this.#dir}`,
      `-Dhttpfs.config.dir=${conf}`,
      `-Dhttpfs.log.dir=${this.#dir}`,
      `-Dhttpfs.temp.dir=${this.#dir}/tmp`,
      ...["java.lang", "java.util", "java.net"].map(
        (p) => `--add-opens=java.base/${p}=ALL-UNNAMED`,
      ),
      "-cp",
      `${conf}:${this.#jars}/*`,
      mainClass,
    ];
  }

  #launch(node: RunningNode): void {
    const log = openSync(join(this.#dir, `${node.name}.log`), "a");
    node.child = spawn("java", this.#arguments(node.name, "256m", node.mainClass), {
      env: { ...process.env, HADOOP_USER_NAME: "super" },
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
  }

  async #java(name: string, mainClass: string, args: readonly string[]): Promise<string> {
    const env = { ...process.env, HADOOP_USER_NAME: "super" };
    const all = [...this.#arguments(name, "128m", mainClass), ...args];
    return (await promisify(execFile)("java", all, { env })).stdout;
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + START_MS; Date.now() < end;) {
      const dead = this.#nodes.find((n) => n.child !== null && n.child.exitCode !== null);
      if (dead !== undefined) throw new Error(`${dead.name} ended:\n${this.log(dead.name)}`);
      if (await holds()) return;
      await sleep(LOOK_MS);
    }
    const logs = this.#nodes.filter((n) => n.child !== null).map((n) => this.log(n.name));
    throw new Error(`not in ${START_MS} ms: ${what}\n${logs.join("\n---\n")}`);
  }
}

/** One bean of a server's JMX page; undefined while the server does not answer. */
async function jmx(port: number, query: string): Promise<Record<string, unknown> | undefined> {
  if (!(await answers(port))) return undefined;
  const url = `http://127.0.0.1:${port}/jmx?qry=${query}`;
  // A server that starts or dies meanwhile is one that does not answer.
  const [asked] = await Promise.allSettled([fetch(url, { signal: AbortSignal.timeout(5_000) })]);
  if (asked.status === "rejected" || !asked.value.ok) return undefined;
  const { beans } = (await asked.value.json()) as { beans: readonly Record<string, unknown>[] };
  return beans[0];
}
