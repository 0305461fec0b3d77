import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One Java process of the cluster: its main class and what its own configuration adds. */
export interface HadoopNode {
  readonly name: string;
  readonly mainClass: string;
  readonly site: Readonly<Record<string, string>>;
}

export interface HadoopPorts {
  /** RPC and HTTP of the NameNode, then of the second one. */
  readonly nameRpc: readonly [number, number];
  readonly nameHttp: readonly [number, number];
  readonly data: readonly [number, number, number];
  readonly httpfs: number;
}

const NAME_NODE = "org.apache.hadoop.hdfs.server.namenode.NameNode";
const DATA_NODE = "org.apache.hadoop.hdfs.server.datanode.DataNode";
const HTTPFS = "org.apache.hadoop.fs.http.server.HttpFSServerWebServer";

const at = (port: number): string => `127.0.0.1:${port}`;

/** The nodes of one small cluster; with `standby` two NameNodes that share their edit log. */
export function hadoopNodes(
  dir: string,
  ports: HadoopPorts,
  wanted: { readonly standby: boolean; readonly httpfs: boolean },
): readonly HadoopNode[] {
  const dataSite = {
    "dfs.datanode.data.dir": `file://${dir}/data`,
    "dfs.datanode.hostname": "127.0.0.1",
    "dfs.datanode.address": at(ports.data[0]),
    "dfs.datanode.http.address": at(ports.data[1]),
    "dfs.datanode.ipc.address": at(ports.data[2]),
  };
  const nodes = [nameNode(dir, ports, 0, wanted.standby)];
  if (wanted.standby) nodes.push(nameNode(dir, ports, 1, true));
  nodes.push({ name: "datanode", mainClass: DATA_NODE, site: dataSite });
  if (wanted.httpfs) nodes.push({ name: "httpfs", mainClass: HTTPFS, site: {} });
  return nodes;
}

function nameNode(dir: string, ports: HadoopPorts, i: 0 | 1, standby: boolean): HadoopNode {
  const alone = {
    "dfs.namenode.rpc-address": at(ports.nameRpc[i]),
    "dfs.namenode.http-address": at(ports.nameHttp[i]),
  };
  const names = { "dfs.namenode.name.dir": `file://${dir}/name${i + 1}` };
  const site = standby ? { ...names, "dfs.ha.namenode.id": `nn${i + 1}` } : { ...names, ...alone };
  return { name: `namenode${i + 1}`, mainClass: NAME_NODE, site };
}

function sharedSite(dir: string, ports: HadoopPorts, standby: boolean): Record<string, string> {
  if (!standby) {
    return {
      "dfs.namenode.rpc-address": at(ports.nameRpc[0]),
      "dfs.namenode.http-address": at(ports.nameHttp[0]),
    };
  }
  const provider = "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider";
  return {
    "dfs.nameservices": "ha",
    "dfs.ha.namenodes.ha": "nn1,nn2",
    "dfs.namenode.rpc-address.ha.nn1": at(ports.nameRpc[0]),
    "dfs.namenode.rpc-address.ha.nn2": at(ports.nameRpc[1]),
    "dfs.namenode.http-address.ha.nn1": at(ports.nameHttp[0]),
    "dfs.namenode.http-address.ha.nn2": at(ports.nameHttp[1]),
    "dfs.namenode.shared.edits.dir": `file://${dir}/shared`,
    "dfs.client.failover.proxy.provider.ha": provider,
    "dfs.ha.fencing.methods": "shell(/bin/true)",
  };
}

/** Writes a node's folder of configuration files and answers it; it comes first on the class path. */
export function writeHadoopConf(
  dir: string,
  node: HadoopNode,
  cluster: {
    readonly ports: HadoopPorts;
    readonly standby: boolean;
    readonly properties: Readonly<Record<string, string>>;
  },
): string {
  const conf = join(dir, "conf", node.name);
  // The jars hold no web pages; the servers only insist that these folders are there.
  for (const app of ["hdfs", "datanode", "static"]) {
    mkdirSync(join(conf, "webapps", app, "WEB-INF"), { recursive: true });
  }
  const { ports, standby, properties } = cluster;
  xml(join(conf, "core-site.xml"), {
    "fs.defaultFS": standby ? "hdfs://ha" : `hdfs://${at(ports.nameRpc[0])}`,
    "hadoop.tmp.dir": join(dir, "tmp"),
    "hadoop.security.token.service.use_ip": "true",
    "hadoop.proxyuser.super.hosts": "*",
    "hadoop.proxyuser.super.groups": "*",
    ...properties,
  });
  xml(join(conf, "hdfs-site.xml"), {
    "dfs.replication": "1",
    "dfs.namenode.datanode.registration.ip-hostname-check": "false",
    "dfs.namenode.safemode.extension": "0",
    "dfs.namenode.handler.count": "4",
    "dfs.datanode.handler.count": "4",
    "dfs.namenode.resource.du.reserved": "1048576",
    "dfs.namenode.fs-limits.min-block-size": "4096",
    "dfs.heartbeat.interval": "1",
    // Entries of a page, 1000 otherwise: so that listings of tests have pages.
    "dfs.ls.limit": "100",
    "dfs.ha.tail-edits.period": "1",
    // A DataNode that closes a file before the NameNode heard of its block asks again after 400 ms.
    "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "10",
    "dfs.client.block.write.locateFollowingBlock.retries": "10",
    ...sharedSite(dir, ports, standby),
    ...node.site,
    ...properties,
  });
  xml(join(conf, "httpfs-site.xml"), {
    "httpfs.http.hostname": "127.0.0.1",
    "httpfs.http.port": String(ports.httpfs),
    "httpfs.hadoop.config.dir": conf,
    ...properties,
  });
  writeFileSync(join(conf, "httpfs-signature.secret"), "only for tests");
  writeFileSync(join(conf, "log4j.properties"), LOG4J);
  writeFileSync(join(conf, "httpfs-log4j.properties"), LOG4J);
  return conf;
}

function xml(path: string, properties: Readonly<Record<string, string>>): void {
  const lines = Object.entries(properties).map(
    ([name, value]) => `<property><name>${name}</name><value>${value}</value></property>`,
  );
  writeFileSync(path, `<configuration>\n${lines.join("\n")}\n</configuration>\n`);
}

const LOG4J = `log4j.rootLogger=INFO,A
log4j.appender.A=org.apache.log4j.ConsoleAppender
log4j.appender.A.layout=org.apache.log4j.PatternLayout
log4j.appender.A.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
`;
