import { ArchiverError } from "../../core/errors.ts";
import { findCoordinator } from "../requests/group.ts";
import { type Metadata, metadataV12, metadataV8 } from "../requests/metadata.ts";
import type { KafkaRequest } from "../requests/request.ts";
import { BrokerLink } from "./broker-link.ts";
import type { KafkaOptions, Log } from "./options.ts";

const METADATA_KEY = 3;

/**
 * What a connection is for. A broker answers one connection's requests in order, and holds JoinGroup
 * and Fetch back for long: neither may stand before a heartbeat or a commit.
 */
export type Purpose = "data" | `group ${string}` | `offsets ${string}`;

/** The cluster: which brokers there are, and a request to any of them. */
export class KafkaClient {
  readonly #o: KafkaOptions;
  readonly #log: Log;
  readonly #links = new Map<string, BrokerLink>();
  #brokers = new Map<number, { host: string; port: number }>();
  readonly #coordinators = new Map<string, number>();
  #closed = false;

  private constructor(o: KafkaOptions, log: Log) {
    this.#o = o;
    this.#log = log;
  }

  /** Connects to any of the brokers named; rejects when none answers. */
  static async open(o: KafkaOptions, log: Log, signal: AbortSignal): Promise<KafkaClient> {
    const client = new KafkaClient(o, log);
    try {
      await client.metadata([], signal);
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  get brokerIds(): readonly number[] {
    return [...this.#brokers.keys()];
  }

  /** Null: all topics. Learns the brokers on the way. */
  async metadata(topics: readonly string[] | null, signal: AbortSignal): Promise<Metadata> {
    const link = await this.#anyLink(signal);
    const v12 = link.maxVersion(METADATA_KEY) >= 12;
    const found = await link.send(v12 ? metadataV12(topics) : metadataV8(topics), signal);
    this.#brokers = new Map(found.brokers.map((b) => [b.nodeId, { host: b.host, port: b.port }]));
    return found;
  }

  send<T>(
    nodeId: number,
    request: KafkaRequest<T>,
    signal: AbortSignal,
    purpose: Purpose = "data",
  ): Promise<T> {
    const at = this.#brokers.get(nodeId);
    if (at === undefined) {
      const text = `broker ${nodeId} is not in the cluster's metadata; it is looked up again`;
      return Promise.reject(new ArchiverError("kafka-unreachable", text));
    }
    return this.#link(at.host, at.port, purpose).send(request, signal);
  }

  /** To the group's coordinator; `forgetCoordinator` after it said that it is not. */
  async sendToCoordinator<T>(
    group: string,
    request: KafkaRequest<T>,
    signal: AbortSignal,
    what: "group" | "offsets" = "group",
  ): Promise<T> {
    let node = this.#coordinators.get(group);
    if (node === undefined) {
      const link = await this.#anyLink(signal);
      const found = await link.send(findCoordinator(group), signal);
      if (!this.#brokers.has(found.nodeId)) {
        this.#brokers.set(found.nodeId, { host: found.host, port: found.port });
      }
      node = found.nodeId;
      this.#coordinators.set(group, node);
    }
    try {
      return await this.send(node, request, signal, `${what} ${group}`);
    } catch (error) {
      if (error instanceof ArchiverError && error.code === "kafka-unreachable") {
        this.#coordinators.delete(group);
      }
      throw error;
    }
  }

  forgetCoordinator(group: string): void {
    this.#coordinators.delete(group);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.close()));
  }

  #link(host: string, port: number, purpose: Purpose): BrokerLink {
    if (this.#closed) throw new ArchiverError("interrupted", "the Kafka client was closed");
    const key = `${host}:${port} ${purpose}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new BrokerLink(this.#o, host, port, this.#log);
      this.#links.set(key, link);
    }
    return link;
  }

  /** A broker that answers: a known one, else one of those in the configuration. */
  async #anyLink(signal: AbortSignal): Promise<BrokerLink> {
    const known = [...this.#brokers.values()];
    const named = this.#o.brokers.map(hostAndPort);
    const failed: unknown[] = [];
    for (const { host, port } of [...known, ...named]) {
      signal.throwIfAborted();
      const link = this.#link(host, port, "data");
      try {
        await link.connect();
        return link;
      } catch (error) {
        failed.push(error);
      }
    }
    const auth = failed.find((e) => e instanceof ArchiverError && e.code === "kafka-auth");
    if (auth !== undefined) throw auth as ArchiverError;
    const last = failed.at(-1);
    const text = last instanceof Error ? last.message : "no broker is configured";
    throw new ArchiverError(
      "kafka-unreachable",
      `no broker of ${this.#o.brokers.join(", ")} answers: ${text}`,
      { cause: last },
    );
  }
}

/** `host:port`, also `[::1]:9092`. */
function hostAndPort(broker: string): { host: string; port: number } {
  const colon = broker.lastIndexOf(":");
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(broker.slice(colon + 1));
  if (colon > 0 && Number.isInteger(port) && port > 0 && port < 65_536) return { host, port };
  throw new ArchiverError("config-invalid", `kafka.brokers: "${broker}" is not host:port`);
}
