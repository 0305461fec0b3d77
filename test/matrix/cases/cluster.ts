import { setTimeout as sleep } from "node:timers/promises";
import { LiveTopic } from "../../faults/topic.ts";
import { until } from "../../kafka/live-kafka.ts";
import type { KafkaServer } from "../../servers/kafka.ts";
import { apart } from "../apart.ts";
import { AUDITED } from "../promises.ts";
import type { FaultCase, Stage } from "../stage.ts";

/** A broker's death is noticed after seconds instead of nine, so that a case is not mostly waiting. */
const PROPERTIES = { "broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500" };
const MOVE_MS = 90_000;
const GROUPS = "__consumer_offsets";

/** What is done to three brokers, by what Kafka offers everybody. */
export class Cluster {
  readonly kafka: KafkaServer;
  readonly #s: Stage;

  constructor(kafka: KafkaServer, s: Stage) {
    this.kafka = kafka;
    this.#s = s;
  }

  /** Index of the broker that leads; -1: none does. */
  async leader(topic = this.#s.topic, partition = 0): Promise<number> {
    const found = await this.#partition(topic, partition);
    return found.leader - 1;
  }

  /** Every partition of the topic and of the groups has as many copies in sync as it has copies. */
  inSync(): Promise<unknown> {
    return until("every copy is in sync", MOVE_MS, async () => {
      const topics = [this.#s.topic, GROUPS];
      const all = (await this.#s.admin.fetchTopicMetadata({ topics })).topics;
      await sleep(200);
      return all.every((t) => t.partitions.every((p) => p.isr.length === p.replicas.length));
    });
  }

  /** Resolves when exactly these brokers, by index, are in sync. */
  onlyInSync(topic: string, ...brokers: readonly number[]): Promise<unknown> {
    const wanted = brokers.map((b) => b + 1).join();
    return until(`only ${wanted} in sync`, MOVE_MS, async () => {
      const { isr } = await this.#partition(topic, 0);
      await sleep(200);
      return isr.toSorted((a, b) => a - b).join() === wanted;
    });
  }

  /** Gives the partition to these brokers, by index; the first leads. */
  async moveTo(topic: string, partition: number, brokers: readonly number[]): Promise<void> {
    const replicas = brokers.map((b) => b + 1);
    const partitionAssignment = [{ partition, replicas }];
    await this.#s.admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
    await until(`${topic} is on ${replicas.join()}`, MOVE_MS, async () => {
      const found = await this.#partition(topic, partition);
      await sleep(200);
      return found.replicas.join() === replicas.join() && found.isr.length === replicas.length;
    });
    if ((await this.leader(topic, partition)) === brokers[0]) return;
    this.kafka.tool("org.apache.kafka.tools.LeaderElectionCommand", [
      ...["--bootstrap-server", this.kafka.bootstrap, "--election-type", "preferred"],
      ...["--topic", topic, "--partition", String(partition)],
    ]);
    await this.ledBy(topic, partition, (leader) => leader === brokers[0]);
  }

  ledBy(topic: string, partition: number, wanted: (broker: number) => boolean): Promise<unknown> {
    return until(`${topic}/${partition} is led by another`, MOVE_MS, async () => {
      await sleep(200);
      return wanted(await this.leader(topic, partition));
    });
  }

  /** Java's hash of the group's name decides, as in Kafka. */
  async coordinator(): Promise<{ readonly partition: number; readonly broker: number }> {
    const { topics } = await this.#s.admin.fetchTopicMetadata({ topics: [GROUPS] });
    let hash = 0;
    for (const c of this.#s.topic) hash = (Math.imul(31, hash) + c.charCodeAt(0)) | 0;
    const partition = (hash & 0x7fffffff) % (topics[0]?.partitions.length ?? 1);
    return { partition, broker: await this.leader(GROUPS, partition) };
  }

  async moveCoordinator(): Promise<void> {
    const { partition, broker } = await this.coordinator();
    const brokers = [1, 2, 3].map((i) => (broker + i) % 3);
    await this.moveTo(GROUPS, partition, brokers);
  }

  configure(topic: string, ...settings: readonly string[]): void {
    this.kafka.tool("kafka.admin.ConfigCommand", [
      ...["--bootstrap-server", this.kafka.bootstrap, "--alter"],
      ...["--entity-type", "topics", "--entity-name", topic, "--add-config", settings.join()],
    ]);
  }

  /**
   * Production that goes on through a broker's death while `work` runs. A producer that tries again may
   * write a record twice; the auditor takes the topic as it is.
   */
  async underProduction(work: () => Promise<void>): Promise<void> {
    const { topic, partitions } = this.#s.live;
    const live = await LiveTopic.create(this.kafka.bootstrap, topic, partitions, false);
    let [done, unanswered] = [false, 0];
    const loop = (async () => {
      for (; !done; await sleep(50)) await live.produce(30).catch(() => (unanswered += 1));
    })();
    try {
      await work();
    } finally {
      done = true;
      await loop;
      await live.close();
    }
    this.#s.injected.push(`under production; ${unanswered} requests of the producer failed`);
  }

  async #partition(
    topic: string,
    partition: number,
  ): Promise<{ leader: number; replicas: number[]; isr: number[] }> {
    const { topics } = await this.#s.admin.fetchTopicMetadata({ topics: [topic] });
    const found = topics[0]?.partitions.find((p) => p.partitionId === partition);
    if (found === undefined) throw new Error(`${topic} has no partition ${partition}`);
    return found;
  }
}

/** A case on three brokers of its own: what was done to them goes with them. */
export const onCluster = (
  name: string,
  run: (s: Stage, cluster: Cluster) => Promise<void>,
  o: { readonly partitions?: number; readonly shows?: FaultCase["shows"] } = {},
): FaultCase => ({
  name,
  shows: o.shows ?? AUDITED,
  run: (outer) => {
    const options = { nodes: 3, properties: PROPERTIES } as const;
    return apart(outer, options, (s) => run(s, new Cluster(s.kafka, s)), o.partitions);
  },
});
