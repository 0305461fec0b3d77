import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CassandraPlace,
  type CassandraSettings,
  cassandraYaml,
  javaArguments,
  LOGBACK,
} from "./cassandra-config.ts";
import { Authority } from "./certificates.ts";
import { JavaServer } from "./java-server.ts";
import { mavenJars } from "./maven-jars.ts";
import { answers, freePorts } from "./server-process.ts";
import { SmallDisk } from "./small-disk.ts";

const CASSANDRA_VERSION = "5.0.9";
const STORE_PASSWORD = "of-the-key-store";

export interface CassandraOptions extends Partial<Omit<CassandraSettings, "keyStore">> {
  /** Another address of the loopback, for a further node of the cluster of `joins`. */
  readonly host?: string;
  readonly joins?: CassandraServer;
  /** Its folder lies on a disk of this size. @default that of the system */
  readonly diskMib?: number;
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
export class CassandraServer extends JavaServer {
  readonly place: CassandraPlace;
  readonly #jars: string;
  readonly #settings: CassandraSettings;
  readonly #ca: string;
  /** It is made once, at the first start. */
  #hasUser = false;

  private constructor(
    place: CassandraPlace,
    jars: string,
    settings: CassandraSettings,
    ca: string,
    disk: SmallDisk | undefined,
  ) {
    super("Cassandra", place.dir, disk);
    this.place = place;
    this.#jars = jars;
    this.#settings = settings;
    this.#ca = ca;
  }

  static async start(o: CassandraOptions = {}): Promise<CassandraServer> {
    const jars = await mavenJars("cassandra", CASSANDRA_VERSION, o.say);
    const dir = mkdtempSync(join(tmpdir(), "archiver-cassandra-"));
    const disk = o.diskMib === undefined ? undefined : SmallDisk.at(dir, o.diskMib);
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
    return new CassandraServer(place, jars, settings, authority.ca, disk).begin();
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

  protected arguments(): readonly string[] {
    return javaArguments(this.#jars, this.place, this.#settings.heap);
  }

  protected async ready(log: string): Promise<boolean> {
    return this.#hasStarted(log) && (await answers(this.place.port, this.place.host));
  }

  /** With authentication the first user has to be there as well, or the first log-in is refused. */
  #hasStarted(log: string): boolean {
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
