import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type CassandraPlace,
  type CassandraSettings,
  cassandraYaml,
  javaArguments,
  LOGBACK,
} from "./cassandra-config.ts";
import { Authority } from "./certificates.ts";
import { mavenJars } from "./maven-jars.ts";
import { answers, freePorts, gone } from "./server-process.ts";

const CASSANDRA_VERSION = "5.0.9";
const START_MS = 120_000;
const STORE_PASSWORD = "of-the-key-store";

export interface CassandraOptions extends Partial<Omit<CassandraSettings, "keyStore">> {
  /** Another address of the loopback, for a further node of the cluster of `joins`. */
  readonly host?: string;
  readonly joins?: CassandraServer;
  readonly say?: (text: string) => void;
}

/** What a client needs, as TEST_CASSANDRA carries it in JSON. */
export interface CassandraAddress {
  /** host:port, with and without TLS. */
  readonly contactPoint: string;
  readonly localDataCenter: string;
  /** A superuser. */
  readonly username: string;
  readonly password: string;
  /** PEM file of the authority that signed the node's certificate. */
  readonly ca: string;
}

/** One real Cassandra node on loopback, with its data in a temporary folder. */
export class CassandraServer {
  readonly place: CassandraPlace;
  readonly #jars: string;
  readonly #settings: CassandraSettings;
  readonly #ca: string;
  #child: ChildProcess | undefined;
  /** It is made once, at the first start. */
  #hasUser = false;

  private constructor(
    place: CassandraPlace,
    jars: string,
    settings: CassandraSettings,
    ca: string,
  ) {
    this.place = place;
    this.#jars = jars;
    this.#settings = settings;
    this.#ca = ca;
  }

  static async start(o: CassandraOptions = {}): Promise<CassandraServer> {
    const jars = await mavenJars("cassandra", CASSANDRA_VERSION, o.say);
    const dir = mkdtempSync(join(tmpdir(), "archiver-cassandra-"));
    for (const name of ["conf/triggers", "logs", "tmp"]) {
      mkdirSync(join(dir, name), { recursive: true });
    }
    const place = await placeOf(dir, o);
    const authority = new Authority(join(dir, "tls"), "cassandra-test");
    const settings: CassandraSettings = {
      auth: o.auth ?? true,
      commitlogSync: o.commitlogSync ?? "batch",
      heap: o.heap ?? "384m",
      yaml: o.yaml ?? [],
      keyStore: { path: keyStore(authority), password: STORE_PASSWORD },
    };
    writeFileSync(join(dir, "conf", "logback.xml"), LOGBACK);
    writeFileSync(join(dir, "conf", "cassandra.yaml"), cassandraYaml(place, settings));
    const server = new CassandraServer(place, jars, settings, authority.ca);
    try {
      await server.#launch();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get address(): CassandraAddress {
    return {
      contactPoint: `${this.place.host}:${this.place.port}`,
      localDataCenter: "datacenter1",
      username: "cassandra",
      password: "cassandra",
      ca: this.#ca,
    };
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Bytes go nowhere, connections stay open. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.kill("SIGKILL");
    await gone(this.#child);
  }

  /** On the same ports and data. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.place.dir, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    const { dir, host, port } = this.place;
    const logPath = join(dir, "logs", "out.log");
    const log = openSync(logPath, "w");
    const args = javaArguments(this.#jars, this.place, this.#settings.heap);
    const child = spawn("java", args, { stdio: ["ignore", log, log], detached: true });
    closeSync(log);
    this.#child = child;
    for (let waited = 0; waited < START_MS && child.exitCode === null; waited += 100) {
      if (this.#ready(readFileSync(logPath, "utf8")) && (await answers(port, host))) return;
      await sleep(100);
    }
    const tail = readFileSync(logPath, "utf8").split("\n").slice(-25).join("\n");
    throw new Error(`Cassandra did not start; its log ends:\n${tail}`);
  }

  /** With authentication the first user has to be there as well, or the first log-in is refused. */
  #ready(log: string): boolean {
    if (!log.includes("Startup complete")) return false;
    if (this.#settings.auth && !this.#hasUser && !log.includes("Created default superuser")) {
      return false;
    }
    this.#hasUser = true;
    return true;
  }
}

async function placeOf(
  dir: string,
  { host = "127.0.0.1", joins }: CassandraOptions,
): Promise<CassandraPlace> {
  if (joins !== undefined) return { ...joins.place, dir, host };
  const [port = 0, storagePort = 0, sslStoragePort = 0] = await freePorts(3);
  return { dir, host, seed: host, port, storagePort, sslStoragePort };
}

function keyStore(authority: Authority): string {
  const { both } = authority.issue("node");
  const path = join(authority.dir, "node.p12");
  const args = ["pkcs12", "-export", "-in", both, "-out", path];
  const run = spawnSync("openssl", [...args, "-passout", `pass:${STORE_PASSWORD}`], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`openssl could not make a key store:\n${run.stderr}`);
  return path;
}
