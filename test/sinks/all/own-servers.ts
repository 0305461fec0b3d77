import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "cassandra-driver";
import { withAdmin } from "../../kafka/live-kafka.ts";
import { CassandraServer } from "../../servers/cassandra.ts";
import { CephServer } from "../../servers/ceph.ts";
import { ElasticsearchServer } from "../../servers/elasticsearch.ts";
import { FaultProxy } from "../../servers/fault-proxy.ts";
import { HadoopServer } from "../../servers/hadoop.ts";
import { HttpGate } from "../../servers/http-gate.ts";
import { KafkaServer } from "../../servers/kafka.ts";
import { cqlClient } from "../cassandra/place.ts";
import { ForeignHdfs } from "../hdfs/foreign.ts";
import type { SinkName, SixServers, SixSinks } from "./six-sinks.ts";

const ROLE = "six";
const DENY = 2;
const [TOPIC, WRITE, PREFIXED] = [2, 4, 4];
const KAFKA = {
  "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  "allow.everyone.if.no.acl.found": "true",
};

export interface Room {
  readonly name: SinkName;
  full(): Promise<unknown>;
  free(): Promise<unknown>;
}

/** Five servers that things are done to, each behind a network that things are done to. */
export class OwnServers {
  readonly ceph: CephServer;
  readonly hadoop: HadoopServer;
  readonly cassandra: CassandraServer;
  readonly elasticsearch: ElasticsearchServer;
  readonly kafka: KafkaServer;
  readonly proxies: readonly FaultProxy[];
  readonly #gate: HttpGate;
  readonly #s3User: { readonly accessKeyId: string; readonly secretAccessKey: string };

  private constructor(
    started: readonly [CephServer, HadoopServer, CassandraServer, ElasticsearchServer, KafkaServer],
    proxies: readonly FaultProxy[],
    gate: HttpGate,
  ) {
    [this.ceph, this.hadoop, this.cassandra, this.elasticsearch, this.kafka] = started;
    this.proxies = proxies;
    this.#gate = gate;
    this.#s3User = this.ceph.addUser(ROLE);
  }

  static async start(): Promise<OwnServers> {
    // A broker says to clients where it is, so its proxy is there before it.
    const broker = { host: "127.0.0.1", port: 0 };
    const toKafka = await FaultProxy.open(broker);
    const properties = {
      ...KAFKA,
      "advertised.listeners": `PLAINTEXT://127.0.0.1:${toKafka.port}`,
    };
    const started = await Promise.all([
      CephServer.start({ gateway: { rgw_bucket_quota_ttl: "0" } }),
      HadoopServer.start(),
      CassandraServer.start(),
      ElasticsearchServer.start(),
      KafkaServer.start({ properties, heap: "320m", clusterId: "c2l4LXNpbmtzLXRhcmdldA" }),
    ]);
    const [ceph, hadoop, cassandra, elasticsearch, kafka] = started;
    broker.port = portOf(kafka.bootstrap);
    const ports = [
      ...[ceph.endpoint, hadoop.url, hadoop.dataNode].map(portOf),
      ...[cassandra.address.contactPoint, elasticsearch.address.url].map(portOf),
    ];
    const proxies = await Promise.all(
      ports.map((port) => FaultProxy.open({ host: "127.0.0.1", port })),
    );
    const gate = await HttpGate.open(`http://127.0.0.1:${proxies[4]?.port ?? 0}`);
    return new OwnServers(started, [...proxies, toKafka], gate);
  }

  /** As somebody else reaches them: past the proxies, and with all rights. */
  get direct(): SixServers {
    return {
      s3: { endpoint: this.ceph.endpoint, ...this.#s3User },
      hdfs: { url: this.hadoop.url },
      cassandra: this.cassandra.address,
      elasticsearch: this.elasticsearch.address,
      kafka: { bootstrap: this.kafka.bootstrap, classPath: this.kafka.classPath },
    };
  }

  /** Settings of the sinks: through the proxies, and not patient. */
  get through(): Readonly<Partial<Record<SinkName, Readonly<Record<string, unknown>>>>> {
    const [s3, name, data, cql, , kafka] = this.proxies.map((p) => `127.0.0.1:${p.port}`);
    const limits = { timeout: "10s" };
    return {
      ceph: { limits, endpoint: `http://${s3}`, timeout: "2s", connectTimeout: "2s" },
      lake: {
        ...{ limits, url: `http://${name}`, idleTimeout: "2s" },
        dataNodes: { [this.hadoop.dataNode]: data },
      },
      search: { limits: { timeout: "5s" }, url: this.#gate.url },
      wide: {
        ...{ limits, contactPoints: [cql], requestTimeout: "2s" },
        ...{ username: ROLE, password: ROLE },
      },
      "site-b": { limits, brokers: [kafka] },
    };
  }

  async frozen(whileFrozen: () => Promise<void>): Promise<void> {
    this.#signal("SIGSTOP");
    await whileFrozen();
    this.#signal("SIGCONT");
  }

  async killed(whileDead: () => Promise<void>): Promise<void> {
    await Promise.all([
      this.ceph.kill("gateway"),
      ...["namenode1", "datanode"].map((node) => this.hadoop.kill(node)),
      ...[this.cassandra.kill(), this.elasticsearch.kill(), this.kafka.kill(0)],
    ]);
    await whileDead();
    const nameNode = this.hadoop.restart("namenode1");
    await Promise.all([
      ...[this.ceph.restart(), this.hadoop.restart("datanode"), nameNode],
      ...[this.cassandra.restart(), this.elasticsearch.restart(), this.kafka.restart(0)],
    ]);
  }

  /** Resolves when the daemon may use its keyspace, which has to be there. */
  async grant(six: SixSinks): Promise<void> {
    await this.#cql(async (run) => {
      await run(`CREATE ROLE IF NOT EXISTS ${ROLE} WITH PASSWORD = '${ROLE}' AND LOGIN = true`);
      await run(`GRANT ALL ON KEYSPACE ${six.keyspace} TO ${ROLE}`);
    });
  }

  /** Every store refuses the daemon's credentials meanwhile. */
  async revoked(six: SixSinks, whileRevoked: () => Promise<void>): Promise<void> {
    const root = new ForeignHdfs(this.hadoop.url, "super");
    const mode = (octal: string): Promise<string> =>
      root.call("PUT", six.path, `SETPERMISSION&permission=${octal}`);
    const acl = {
      ...{ resourceType: TOPIC, resourceName: six.copyOf(""), resourcePatternType: PREFIXED },
      ...{ principal: "User:ANONYMOUS", host: "*", operation: WRITE, permissionType: DENY },
    };
    const { bootstrap } = this.kafka;
    const right = `MODIFY ON KEYSPACE ${six.keyspace}`;
    this.ceph.admin(["user", "suspend", `--uid=${ROLE}`]);
    this.#gate.shut = true;
    await mode("000");
    await this.#cql((run) => run(`REVOKE ${right} FROM ${ROLE}`));
    await withAdmin((admin) => admin.createAcls({ acl: [acl] }), bootstrap);
    await whileRevoked();
    this.ceph.admin(["user", "enable", `--uid=${ROLE}`]);
    this.#gate.shut = false;
    await mode("755");
    await this.#cql((run) => run(`GRANT ${right} TO ${ROLE}`));
    await withAdmin((admin) => admin.deleteAcls({ filters: [acl] }), bootstrap);
  }

  /** Those that can be made to have no room; each by itself, because one that waits holds up the others. */
  rooms(six: SixSinks): readonly Room[] {
    // Of the bucket: what a user has in all is counted minutes late.
    const scope = ["--quota-scope=bucket", `--bucket=${six.bucket}`, `--uid=${ROLE}`];
    const block = async (on: boolean): Promise<void> => {
      const { url } = this.elasticsearch.address;
      const answer = await fetch(`${url}/${six.indexPrefix}-*/_settings`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        // What a node does itself at its flood-stage mark.
        body: JSON.stringify({ "index.blocks.read_only_allow_delete": on ? true : null }),
      });
      if (!answer.ok) throw new Error(await answer.text());
    };
    return [
      {
        name: "ceph",
        full: () => {
          this.ceph.admin(["quota", "set", "--max-objects=1", ...scope]);
          this.ceph.admin(["quota", "enable", ...scope]);
          return Promise.resolve();
        },
        free: () => Promise.resolve(void this.ceph.admin(["quota", "disable", ...scope])),
      },
      {
        name: "lake",
        full: () => this.hadoop.admin("-setSpaceQuota", "4", six.path),
        free: () => this.hadoop.admin("-clrSpaceQuota", six.path),
      },
      { name: "search", full: () => block(true), free: () => block(false) },
    ];
  }

  /** Connections cut within requests, late, reset, and refused, one after the other. */
  async network(): Promise<void> {
    const all = (set: (proxy: FaultProxy) => void): void => this.proxies.forEach(set);
    all(({ faults }) => (faults.cutAfterSent = 5_000));
    await sleep(3_000);
    // A store whose turn it is not on a busy machine sends so much later.
    for (let i = 0; i < 600 && this.proxies.some(({ cuts }) => cuts === 0); i += 1)
      await sleep(100);
    all((proxy) => proxy.heal());
    all(({ faults }) => (faults.cutAfterAnswered = 2_000));
    await sleep(2_000);
    all((proxy) => proxy.heal());
    all(({ faults }) => (faults.latencyMs = 60));
    for (let i = 0; i < 3; i += 1) {
      await sleep(700);
      all((proxy) => proxy.resetAll());
    }
    all(({ faults }) => (faults.refuse = true));
    all((proxy) => proxy.resetAll());
    await sleep(1_000);
    all((proxy) => proxy.heal());
  }

  async stop(): Promise<void> {
    await Promise.all([this.#gate.close(), ...this.proxies.map((proxy) => proxy.close())]);
    const { ceph, hadoop, cassandra, elasticsearch, kafka } = this;
    await Promise.all([ceph, hadoop, cassandra, elasticsearch, kafka].map((s) => s.stop()));
  }

  #signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.ceph.signal("gateway", name);
    for (const node of ["namenode1", "datanode"]) this.hadoop.signal(node, name);
    this.kafka.signal(0, name);
    for (const server of [this.cassandra, this.elasticsearch]) {
      if (name === "SIGSTOP") server.freeze();
      else server.thaw();
    }
  }

  async #cql(
    work: (run: (statement: string) => Promise<unknown>) => Promise<unknown>,
  ): Promise<void> {
    const client: Client = await cqlClient(this.cassandra.address);
    await work((statement) => client.execute(statement, [], { prepare: false }));
    await client.shutdown();
  }
}

const portOf = (address: string): number => Number(/:(\d+)\/?$/.exec(address)?.[1]);
