import { strictEqual, ok } from "node:assert/strict";
import type { KafkaClient, Sendable } from "../../src/kafka/client/kafka-client.ts";
import * as configs from "../../src/kafka/requests/configs.ts";
import * as topics from "../../src/kafka/requests/create-topics.ts";
import * as uncommitted from "../../src/kafka/requests/fetch-uncommitted.ts";
import * as fetch from "../../src/kafka/requests/fetch.ts";
import { describeGroup } from "../../src/kafka/requests/describe-groups.ts";
import * as group from "../../src/kafka/requests/group.ts";
import * as metadata from "../../src/kafka/requests/metadata.ts";
import * as offsets from "../../src/kafka/requests/offsets.ts";
import * as produce from "../../src/kafka/requests/produce.ts";
import type { KafkaRequest } from "../../src/kafka/requests/request.ts";
import * as transactions from "../../src/kafka/requests/transactions.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { encodeAssignment, encodePlan, encodeSubscription } from "../../src/kafka/subscription.ts";
import { connected, createTopic, groupsAreReady, named, never, send } from "../kafka/live-kafka.ts";

/** What a real broker answered to a request, and what reads it. */
export interface Answer {
  readonly name: string;
  readonly bytes: Buffer;
  readonly decode: (bytes: Buffer) => unknown;
}

/** Each request that the product has, sent to a real broker. */
export async function askEverything(): Promise<readonly Answer[]> {
  await groupsAreReady();
  const topic = named("fuzz");
  await createTopic(topic, 2);
  await send(
    { topic, codec: "lz4" },
    Array.from({ length: 50 }, (_, i) => `line ${i}`),
  );
  const client = await connected();
  try {
    const asker = new Asker(client, topic);
    await asker.aboutTopic();
    await asker.asMember();
    await patiently(() => asker.asProducer());
    return asker.answers;
  } finally {
    await client.close();
  }
}

class Asker {
  readonly answers: Answer[] = [];
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #group = named("fuzz");

  constructor(client: KafkaClient, topic: string) {
    this.#client = client;
    this.#topic = topic;
  }

  /** Sends it, and keeps what came. */
  async #ask<T>(name: string, request: KafkaRequest<T>, coordinator = false): Promise<T> {
    const kept: Sendable<T> & KafkaRequest<T> = {
      ...request,
      decode: (bytes) => {
        this.answers.push({ name, bytes: Buffer.from(bytes), decode: (b) => request.decode(b) });
        return request.decode(bytes);
      },
    };
    return coordinator
      ? this.#client.sendToCoordinator(this.#group, kept, never)
      : this.#client.send(this.#client.brokerIds[0] ?? -1, kept, never);
  }

  async aboutTopic(): Promise<void> {
    const topic = this.#topic;
    const p = { topic, partition: 0 };
    const wants = [{ ...p, offset: 0n, maxBytes: 1 << 20 }];
    const found = await this.#ask("metadataV12", metadata.metadataV12([topic]));
    await this.#ask("metadataV8", metadata.metadataV8(null));
    const topicId = found.topics[0]?.topicId ?? "";
    const addressed = wants.map((w) => ({ ...w, topicId, leaderEpoch: -1 }));
    const o = { wants: addressed, maxWaitMs: 100, maxBytes: 1 << 20 };
    for (const version of [11, 17]) {
      const [fetched] = await this.#ask("fetchRecords", fetch.fetchRecords(o, version));
      ok((fetched?.records.length ?? 0) > 100);
    }
    await this.#ask(
      "fetchUncommitted",
      uncommitted.fetchUncommitted({ ...p, offset: 0n, maxBytes: 1 << 20 }, 100),
    );
    await this.#ask("listOffsets", offsets.listOffsets([p], "latest"));
    await this.#ask("offsetForLeaderEpoch", offsets.offsetForLeaderEpoch([{ ...p, epoch: 0 }]));
    await this.#ask(
      "describeConfigs",
      configs.describeConfigs([{ type: "topic", name: topic }], ["retention.ms"]),
    );
    const only = { timeoutMs: 5_000, validateOnly: true };
    const wanted = { topic: named("fuzz"), partitions: 2, replicationFactor: 1, settings: {} };
    await this.#ask("createTopic", topics.createTopic(wanted, only));
    await this.#ask("createPartitions", topics.createPartitions(topic, 4, only));
  }

  async asMember(): Promise<void> {
    const topic = this.#topic;
    const p = { topic, partition: 0 };
    const ref = { group: this.#group, memberId: "", instanceId: "one" };
    await this.#ask("findCoordinator", group.findCoordinator(this.#group));
    const protocol = "fuzz";
    const aboutMe = encodeSubscription({ topics: [topic], owned: [], generation: -1, about: {} });
    const times = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000 };
    const join = group.joinGroup({ ...ref, ...times, protocol, metadata: aboutMe });
    const { memberId, generation } = await this.#ask("joinGroup", join, true);
    const me = { ...ref, memberId, generation };
    const assignments = [{ memberId, assignment: encodeAssignment([p], encodePlan(new Map())) }];
    const sync = { ...me, assignments, rebalanceTimeoutMs: 6_000 };
    await this.#ask("syncGroup", group.syncGroup(sync), true);
    await this.#ask("heartbeat", group.heartbeat(me, 5_000), true);
    const entries = [{ ...p, offset: 1n, metadata: "so far", leaderEpoch: -1 }];
    await this.#ask("offsetCommit", offsets.offsetCommit({ ...me, entries }), true);
    await this.#ask("offsetFetch", offsets.offsetFetch(this.#group, [p]), true);
    const described = await this.#ask("describeGroup", describeGroup(this.#group), true);
    strictEqual(
      described.members.map((m) => `${m.memberId} ${m.instanceId}`).join(),
      `${memberId} one`,
    );
    await this.#ask("leaveGroup", group.leaveGroup(me), true);
  }

  async asProducer(): Promise<void> {
    const p = { topic: this.#topic, partition: 0 };
    const id = named("fuzz");
    // One broker: it is every coordinator.
    await this.#ask("findTransactionCoordinator", transactions.findTransactionCoordinator(id));
    const ref = await this.#ask("initProducerId", transactions.initProducerId(id, 30_000));
    await this.#ask("addPartitionsToTxn", transactions.addPartitionsToTxn(ref, [p]));
    const records = [
      { offset: 0n, timestamp: 1n, key: null, value: Buffer.from("v"), headers: [] },
    ];
    const recordBatch = encodeRecordBatch({
      ...{ baseOffset: 0n, records, producerId: ref.producerId, producerEpoch: ref.epoch },
      ...{ baseSequence: 0, transactional: true },
    });
    const o = { ...p, transactionalId: id, recordBatch, timeoutMs: 5_000 };
    await this.#ask("produce", produce.produce(o));
    await this.#ask("endTxn", transactions.endTxn(ref, true));
  }
}

/** The topic of transactions is made when it is first asked for. */
async function patiently(work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 100 || (error as { retriable?: boolean }).retriable !== true) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
