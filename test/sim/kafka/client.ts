import { ArchiverError } from "../../../src/core/errors.ts";
import type { KafkaClient, Sendable } from "../../../src/kafka/client/kafka-client.ts";
import type { Metadata } from "../../../src/kafka/requests/metadata.ts";
import type { KafkaRequest } from "../../../src/kafka/requests/request.ts";
import { findCoordinator } from "../../../src/kafka/requests/group.ts";
import type { Network, Weather } from "../core/network.ts";
import type { SimProcess } from "../core/process.ts";
import { answer } from "./api.ts";
import { type Cluster, CLUSTER_ID } from "./cluster.ts";

const REQUEST_MS = 10_000;

export interface ClientPorts {
  readonly process: SimProcess;
  readonly network: Network;
  readonly cluster: Cluster;
  /** The weather between the process and a broker now. `what`: whether the broker is asked as coordinator. */
  readonly weather: (broker: number, coordinates: boolean) => Weather;
}

/** `KafkaClient` over simulated brokers: the product's own requests, written and read by the product. */
export class SimClient implements Pick<KafkaClient, "brokerIds" | keyof KafkaClient> {
  readonly #p: ClientPorts;
  readonly #coordinators = new Map<string, number>();
  #closed = false;

  constructor(ports: ClientPorts) {
    this.#p = ports;
  }

  get brokerIds(): readonly number[] {
    return this.#p.cluster.brokers;
  }

  metadata(topics: readonly string[] | null, signal: AbortSignal): Promise<Metadata> {
    const { cluster } = this.#p;
    const node = cluster.brokers[0] ?? 1;
    return this.#call(node, "metadata", () => describe(cluster, topics), signal, false);
  }

  send<T>(node: number, request: Sendable<T>, signal: AbortSignal): Promise<T> {
    const chosen = "choose" in request ? request.choose(99) : request;
    return this.#send(node, chosen, signal, false);
  }

  async sendToCoordinator<T>(
    group: string,
    request: KafkaRequest<T>,
    signal: AbortSignal,
  ): Promise<T> {
    let node = this.#coordinators.get(group);
    if (node === undefined) {
      const any = this.#p.cluster.brokers[0] ?? 1;
      const found = await this.#send(any, findCoordinator(group), signal, false);
      node = found.nodeId;
      this.#coordinators.set(group, node);
    }
    try {
      return await this.#send(node, request, signal, true);
    } catch (error) {
      if (error instanceof ArchiverError && error.code === "kafka-unreachable")
        this.#coordinators.delete(group);
      throw error;
    }
  }

  forgetCoordinator(group: string): void {
    this.#coordinators.delete(group);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #send<T>(
    node: number,
    request: KafkaRequest<T>,
    signal: AbortSignal,
    coordinates: boolean,
  ): Promise<T> {
    const { apiKey, apiVersion, apiName } = request;
    const body = request.encode();
    const effect = (): Buffer | Promise<Buffer> =>
      answer(this.#p.cluster, node, apiKey, apiVersion, body);
    const ms = request.timeoutMs ?? REQUEST_MS;
    const bytes = await this.#call(node, apiName, effect, signal, coordinates, ms);
    return request.decode(bytes);
  }

  #call<T>(
    node: number,
    name: string,
    effect: () => T | Promise<T>,
    signal: AbortSignal,
    coordinates: boolean,
    timeoutMs = REQUEST_MS,
  ): Promise<T> {
    if (this.#closed) {
      return Promise.reject(new ArchiverError("interrupted", "the Kafka client was closed"));
    }
    const noAnswer = (sent: boolean): ArchiverError => {
      const why = sent ? `no answer within ${timeoutMs} ms` : "connection refused";
      return new ArchiverError("kafka-unreachable", `${name} to broker ${node}: ${why}`);
    };
    const weather = this.#p.weather(node, coordinates);
    const call = { name: `kafka ${name}`, weather, effect, timeoutMs, noAnswer, signal };
    return this.#p.network.call(this.#p.process, call);
  }
}

function describe(k: Cluster, topics: readonly string[] | null): Metadata {
  const names = topics ?? [...k.topics.keys()];
  return {
    clusterId: CLUSTER_ID,
    controllerId: k.brokers[0] ?? 1,
    brokers: k.brokers.map((nodeId) => ({
      ...{ nodeId, host: `broker-${nodeId}`, port: 9092, rack: null },
    })),
    topics: names.flatMap((name) => {
      const t = k.topics.get(name);
      if (t === undefined) return [];
      const partitions = t.partitions.map(({ log, leader }, partition) => ({
        ...{ partition, error: undefined, leader, leaderEpoch: log.epoch },
        ...{ replicas: k.brokers, inSync: k.brokers },
      }));
      return [{ topic: name, error: undefined, topicId: t.id, internal: false, partitions }];
    }),
  };
}
