import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Where one node keeps its files, and its address. Nodes of one cluster have the same ports. */
export interface CassandraPlace {
  readonly dir: string;
  /** An address of the loopback. */
  readonly host: string;
  /** Of the first node. */
  readonly seed: string;
  readonly port: number;
  readonly storagePort: number;
  readonly sslStoragePort: number;
}

export interface CassandraSettings {
  /** Password authentication and rights; the first user is cassandra with password cassandra. */
  readonly auth: boolean;
  /** PKCS 12 file of the node's key; clients may then use TLS on the same port, or not. */
  readonly keyStore?: { readonly path: string; readonly password: string };
  readonly commitlogSync: "batch" | "group" | "periodic";
  readonly heap: string;
  /** Lines added to cassandra.yaml. */
  readonly yaml: readonly string[];
}

const SYNC: Readonly<Record<CassandraSettings["commitlogSync"], readonly string[]>> = {
  batch: ["commitlog_sync: batch"],
  group: ["commitlog_sync: group", "commitlog_sync_group_window: 10ms"],
  periodic: ["commitlog_sync: periodic", "commitlog_sync_period: 10000ms"],
};

export function cassandraYaml(place: CassandraPlace, settings: CassandraSettings): string {
  const { dir, host, seed, port, storagePort, sslStoragePort } = place;
  const { auth, keyStore } = settings;
  return [
    "cluster_name: test",
    "num_tokens: 1",
    "partitioner: org.apache.cassandra.dht.Murmur3Partitioner",
    `data_file_directories: [${dir}/data]`,
    `commitlog_directory: ${dir}/commitlog`,
    `hints_directory: ${dir}/hints`,
    `saved_caches_directory: ${dir}/saved_caches`,
    `cdc_raw_directory: ${dir}/cdc`,
    ...SYNC[settings.commitlogSync],
    "endpoint_snitch: SimpleSnitch",
    `listen_address: ${host}`,
    `rpc_address: ${host}`,
    `storage_port: ${storagePort}`,
    `ssl_storage_port: ${sslStoragePort}`,
    "start_native_transport: true",
    `native_transport_port: ${port}`,
    "seed_provider:",
    "  - class_name: org.apache.cassandra.locator.SimpleSeedProvider",
    `    parameters: [{seeds: "${seed}:${storagePort}"}]`,
    `authenticator: ${auth ? "PasswordAuthenticator" : "AllowAllAuthenticator"}`,
    `authorizer: ${auth ? "CassandraAuthorizer" : "AllowAllAuthorizer"}`,
    // What a test changes of roles and rights has to count at once.
    ...["roles", "permissions"].map((cache) => `${cache}_validity: 0ms`),
    ...(keyStore === undefined
      ? []
      : [
          "client_encryption_options:",
          "  enabled: true",
          "  optional: true",
          `  keystore: ${keyStore.path}`,
          `  keystore_password: ${keyStore.password}`,
          "  store_type: PKCS12",
        ]),
    // A slow machine is no failure: who tests time-outs sets them on the client's side.
    ...["read", "range", "write"].map((kind) => `${kind}_request_timeout: 30s`),
    "cas_contention_timeout: 30s",
    "request_timeout: 30s",
    "auto_bootstrap: false",
    "auto_snapshot: false",
    "concurrent_reads: 8",
    "concurrent_writes: 8",
    "concurrent_counter_writes: 2",
    "concurrent_compactors: 1",
    "memtable_heap_space: 96MiB",
    "memtable_offheap_space: 64MiB",
    "file_cache_size: 32MiB",
    "key_cache_size: 4MiB",
    ...settings.yaml,
    "",
  ].join("\n");
}

export const LOGBACK = `<configuration>
<appender name="O" class="ch.qos.logback.core.ConsoleAppender">
<encoder><pattern>%d{ISO8601} %-5level %logger{20} %msg%n</pattern></encoder>
</appender>
<root level="INFO"><appender-ref ref="O"/></root>
</configuration>
`;

/** What the distribution's `jvm17-server.options` opens to the server. */
const EXPORTS = [
  "java.base/jdk.internal.misc",
  "java.base/jdk.internal.ref",
  "java.base/sun.nio.ch",
  "java.management.rmi/com.sun.jmx.remote.internal.rmi",
  "java.rmi/sun.rmi.registry",
  "java.rmi/sun.rmi.server",
  "java.sql/java.sql",
  "java.base/java.lang.ref",
  "jdk.unsupported/sun.misc",
  "jdk.compiler/com.sun.tools.javac.file",
  "jdk.attach/sun.tools.attach",
];
const OPENS = [
  "java.base/java.lang.module",
  "java.base/jdk.internal.loader",
  "java.base/jdk.internal.ref",
  "java.base/jdk.internal.reflect",
  "java.base/jdk.internal.math",
  "java.base/jdk.internal.module",
  "java.base/jdk.internal.util.jar",
  "jdk.management/com.sun.management.internal",
  "java.base/sun.nio.ch",
  "java.base/java.io",
  "java.base/java.lang.reflect",
  "jdk.compiler/com.sun.tools.javac",
  "java.base/java.lang",
  "java.base/java.util",
  "java.base/java.nio",
  "java.base/java.util.concurrent",
];

/** Arguments of `java` for one node: a small heap, and no waiting for other nodes at start. */
export function javaArguments(jars: string, place: CassandraPlace, heap: string): string[] {
  const { dir } = place;
  const agent = readdirSync(jars).find((name) => /^jamm-.*\.jar$/.test(name));
  if (agent === undefined) throw new Error(`no jamm jar in ${jars}`);
  const properties: Readonly<Record<string, string>> = {
    "java.net.preferIPv4Stack": "true",
    "java.io.tmpdir": join(dir, "tmp"),
    "jna.tmpdir": join(dir, "tmp"),
    "cassandra.config": `file://${dir}/conf/cassandra.yaml`,
    "logback.configurationFile": `${dir}/conf/logback.xml`,
    "cassandra.logdir": join(dir, "logs"),
    "cassandra.storagedir": dir,
    "cassandra.triggers_dir": join(dir, "conf", "triggers"),
    "cassandra-foreground": "yes",
    // Each connection logs in: a password hash for tests need not be slow.
    "cassandra.auth_bcrypt_gensalt_log2_rounds": "4",
    // For so long a node waits for word of the others: alone there is nobody to wait for.
    "cassandra.ring_delay_ms": place.host === place.seed ? "100" : "30000",
    "cassandra.consistent.rangemovement": "false",
    "cassandra.skip_wait_for_gossip_to_settle": "0",
    "cassandra.superuser_setup_delay_ms": "0",
    "cassandra.available_processors": "2",
    "cassandra.jmx.local.port": "0",
    "jdk.attach.allowAttachSelf": "true",
    "io.netty.tryReflectionSetAccessible": "true",
    "io.netty.allocator.useCacheForAllThreads": "true",
    "io.netty.allocator.maxOrder": "11",
  };
  return [
    ...[`-Xms${heap}`, `-Xmx${heap}`, "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
    ...["-XX:MaxDirectMemorySize=256m", "-XX:+PerfDisableSharedMem", "-XX:+ExitOnOutOfMemoryError"],
    ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
    ...EXPORTS.flatMap((name) => ["--add-exports", `${name}=ALL-UNNAMED`]),
    ...OPENS.flatMap((name) => ["--add-opens", `${name}=ALL-UNNAMED`]),
    `-javaagent:${join(jars, agent)}`,
    ...["-cp", `${dir}/conf:${jars}/*`, "org.apache.cassandra.service.CassandraDaemon"],
  ];
}
