import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { JavaServer } from "./java-server.ts";
import { broughtOnce, mavenJars } from "./maven-jars.ts";
import { freePorts } from "./server-process.ts";

const VERSION = "8.19.21";
const LAUNCHER = fileURLToPath(new URL("./ElasticsearchNode.java", import.meta.url));

/** What a client needs, as TEST_ELASTICSEARCH carries it in JSON. */
export interface ElasticsearchAddress {
  readonly url: string;
}

export interface ElasticsearchOptions {
  /** Lines of elasticsearch.yml beside the usual ones. */
  readonly yaml?: readonly string[];
  readonly heap?: string;
  readonly say?: (text: string) => void;
}

/** One real Elasticsearch node on loopback, without x-pack, with its data in a temporary folder. */
export class ElasticsearchServer extends JavaServer {
  readonly #port: number;
  readonly #arguments: readonly string[];

  private constructor(dir: string, port: number, args: readonly string[]) {
    super("Elasticsearch", dir);
    this.#port = port;
    this.#arguments = args;
  }

  static async start(o: ElasticsearchOptions = {}): Promise<ElasticsearchServer> {
    const jars = await mavenJars("elasticsearch", VERSION, o.say);
    const classes = await compiled(jars);
    const dir = mkdtempSync(join(tmpdir(), "archiver-elasticsearch-"));
    for (const name of ["config", "data", "logs", "tmp", "modules", "plugins", "lib"]) {
      mkdirSync(join(dir, name));
    }
    const [port = 0, transportPort = 0] = await freePorts(2);
    writeFileSync(join(dir, "config", "elasticsearch.yml"), yaml(dir, port, transportPort, o));
    writeFileSync(join(dir, "config", "log4j2.properties"), LOG4J);
    const classPath = [classes, ...serverJars(jars)].join(":");
    const args = [...jvm(dir, o.heap ?? "384m"), "-cp", classPath, "ElasticsearchNode", dir, jars];
    return new ElasticsearchServer(dir, port, args).begin();
  }

  get address(): ElasticsearchAddress {
    return { url: `http://127.0.0.1:${this.#port}` };
  }

  protected arguments(): readonly string[] {
    return this.#arguments;
  }

  protected async ready(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.address.url}/_cluster/health`, {
        signal: AbortSignal.timeout(2_000),
      });
      const { status } = (await answer.json()) as { status?: string };
      return status === "green" || status === "yellow";
    } catch (error) {
      // Not listening yet, or not answering yet.
      if (error instanceof Error) return false;
      throw error;
    }
  }
}

/** What is a module's own, and the compiler, is not on the server's class path. */
const serverJars = (jars: string): string[] =>
  readdirSync(jars)
    .filter((name) => name.endsWith(".jar") && !/^(transport-netty4|netty|ecj)-/.test(name))
    .map((name) => join(jars, name));

const compiled = (jars: string): Promise<string> =>
  broughtOnce(`elasticsearch-node-${VERSION}`, (into) => {
    const ecj = readdirSync(jars).find((name) => name.startsWith("ecj-")) ?? "";
    const args = ["-jar", join(jars, ecj), "-17", "-proc:none", "-d", into];
    const run = spawnSync("java", [...args, "-cp", serverJars(jars).join(":"), LAUNCHER], {
      encoding: "utf8",
    });
    if (run.status !== 0) throw new Error(`the launcher does not compile:\n${run.stderr}`);
  });

const yaml = (dir: string, port: number, transport: number, o: ElasticsearchOptions): string =>
  [
    "cluster.name: test",
    "node.name: node-1",
    `path.data: ${dir}/data`,
    `path.logs: ${dir}/logs`,
    "network.host: 127.0.0.1",
    `http.port: ${port}`,
    `transport.port: ${transport}`,
    "discovery.type: single-node",
    "cluster.routing.allocation.disk.threshold_enabled: false",
    "node.processors: 2",
    ...(o.yaml ?? []),
    "",
  ].join("\n");

const LOG4J = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n%ex
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`;

/** The distribution's own flags, as far as they are needed; a small, quickly started machine. */
const jvm = (dir: string, heap: string): readonly string[] => [
  `-Xms${heap}`,
  `-Xmx${heap}`,
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-XX:MaxDirectMemorySize=128m",
  `-Djava.io.tmpdir=${dir}/tmp`,
  "-Djava.awt.headless=true",
  "-Dfile.encoding=UTF-8",
  "-Dio.netty.noUnsafe=true",
  "-Dio.netty.noKeySetOptimization=true",
  "-Dio.netty.allocator.type=unpooled",
  "-Dlog4j.shutdownHookEnabled=false",
  "-Dlog4j2.disable.jmx=true",
  "-Des.distribution.type=tar",
  "--add-opens=java.base/java.io=ALL-UNNAMED",
  "--add-opens=java.base/java.nio=ALL-UNNAMED",
  "--add-opens=java.base/java.lang=ALL-UNNAMED",
];
