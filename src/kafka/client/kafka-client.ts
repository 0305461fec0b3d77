import { ArchiverError } from "../../core/errors.ts";
import { findCoordinator } from "../requests/group.ts";
import { type Metadata, metadataV12, metadataV8 } from "../requests/metadata.ts";
import type { KafkaRequest } from "../requests/request.ts";
import { BrokerLink } from "./broker-link.ts";
import type { KafkaOptions, Log } from "./options.ts";

const METADATA_KEY = 3;
/** What any broker can answer is not waited for longer than this at one of them. */
const ANY_BROKER_MS = 10_000;

/**
 * What a connection is for. A broker takes one connection's requests one after the other, and holds JoinGroup
 * and Fetch back for long: neither may stand before a heartbeat or a commit, nor before records.
 */
export type Purpose =
  | "data"
  | `produce ${number}`
  | `fetch ${number}`
  | "range"
  | `group ${string}`
  | `offsets ${string}`;

/** A request, or one that depends on the highest version of an API that the broker speaks. */
export type Sendable<T> =
  | KafkaRequest<T>
  | { readonly apiKey: number; choose(maxVersion: number): KafkaRequest<T> };

interface Address {
  readonly host: string;
  readonly port: number;
}

/** The cluster: which brokers there are, and a request to any of them. */
export class KafkaClient {
  readonly #o: KafkaOptions;
  readonly #log: Log;
  readonly #named: readonly Address[];
  readonly #links = new Map<string, BrokerLink>();
  #brokers = new Map<number, Address>();
  readonly #coordinators = new Map<string, number>();
  /** The broker that answered last is asked first. */
  #answered: string | null = null;
  #closed = false;

  private constructor(o: KafkaOptions, log: Log) {
    this.#o = o;
    this.#log = log;
    this.#named = o.brokers.map(hostAndPort);
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
    const choose = (version: number): KafkaRequest<Metadata> =>
      version >= 12 ? metadataV12(topics) : metadataV8(topics);
    const found = await this.#sendToAny({ apiKey: METADATA_KEY, choose }, signal);
    this.#brokers = new Map(found.brokers.map((b) => [b.nodeId, { host: b.host, port: b.port }]));
    this.#prune();
    return found;
  }

  async send<T>(
    nodeId: number,
    request: Sendable<T>,
    signal: AbortSignal,
    purpose: Purpose = "data",
  ): Promise<T> {
    const at = this.#brokers.get(nodeId);
    if (at === undefined) {
      const text = `broker ${nodeId} is not in the cluster's metadata; it is looked up again`;
      throw new ArchiverError("kafka-unreachable", text);
    }
    return sendOver(this.#link(at, purpose), request, signal);
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
      const { nodeId, host, port } = await this.#sendToAny(findCoordinator(group), signal);
      if (!this.#brokers.has(nodeId)) this.#brokers.set(nodeId, { host, port });
      node = nodeId;
      this.#coordinators.set(group, node);
    }
    try {
      return await this.send(node, request, signal, `${what} ${group}`);
    } catch (error) {
      if (isUnreachable(error)) this.#coordinators.delete(group);
      throw error;
    }
  }

  forgetCoordinator(group: string): void {
    this.#coordinators.delete(group);
  }

  /** Requests under way are rejected. */
  close(): Promise<void> {
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    return Promise.resolve();
  }

  #link({ host, port }: Address, purpose: Purpose): BrokerLink {
    if (this.#closed) throw new ArchiverError("interrupted", "the Kafka client was closed");
    const key = `${host}:${port} ${purpose}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new BrokerLink(this.#o, host, port, this.#log, purpose.startsWith("fetch"));
      this.#links.set(key, link);
    }
    return link;
  }

  /** Brokers that left the cluster keep no connections. */
  #prune(): void {
    const kept = new Set([...this.#brokers.values(), ...this.#named].map(addressOf));
    for (const [key, link] of this.#links) {
      if (kept.has(link.where)) continue;
      link.close();
      this.#links.delete(key);
    }
  }

  /** The first broker that answers: known ones, then those in the configuration; each is asked once. */
  async #sendToAny<T>(request: Sendable<T>, signal: AbortSignal): Promise<T> {
    const all = new Map([...this.#brokers.values(), ...this.#named].map((a) => [addressOf(a), a]));
    const first = this.#answered === null ? undefined : all.get(this.#answered);
    const order = first === undefined ? all.values() : new Set([first, ...all.values()]);
    const failed: ArchiverError[] = [];
    for (const address of order) {
      try {
        const answer = await sendOver(this.#link(address, "data"), request, signal, ANY_BROKER_MS);
        this.#answered = addressOf(address);
        return answer;
      } catch (error) {
        if (signal.aborted || !(isUnreachable(error) || isRefusal(error))) throw error;
        failed.push(error);
      }
    }
    const auth = failed.find(isRefusal);
    if (auth !== undefined) throw auth;
    const last = failed.at(-1);
    throw new ArchiverError(
      "kafka-unreachable",
      `no broker of ${this.#o.brokers.join(", ")} answers: ${last?.message ?? "none is configured"}`,
      { cause: last },
    );
  }
}

async function sendOver<T>(
  link: BrokerLink,
  request: Sendable<T>,
  signal: AbortSignal,
  atMostMs?: number,
): Promise<T> {
  if (!("choose" in request)) return link.send(request, signal, atMostMs);
  const version = await link.maxVersion(request.apiKey, signal);
  return link.send(request.choose(version), signal, atMostMs);
}

const addressOf = (a: Address): string => `${a.host}:${a.port}`;

const isUnreachable = (error: unknown): error is ArchiverError =>
  error instanceof ArchiverError && error.code === "kafka-unreachable";

const isRefusal = (error: unknown): error is ArchiverError =>
  error instanceof ArchiverError && error.code === "kafka-auth";

/** `host:port`, also `[::1]:9092`. */
function hostAndPort(broker: string): Address {
  const colon = broker.lastIndexOf(":");
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(broker.slice(colon + 1));
  if (colon > 0 && Number.isInteger(port) && port > 0 && port < 65_536) return { host, port };
  throw new ArchiverError("config-invalid", `kafka.brokers: "${broker}" is not host:port`);
}
