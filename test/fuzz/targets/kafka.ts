import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describeConfigs } from "../../../src/kafka/requests/configs.ts";
import { createPartitions, createTopic } from "../../../src/kafka/requests/create-topics.ts";
import { describeGroup } from "../../../src/kafka/requests/describe-groups.ts";
import { fetchUncommitted } from "../../../src/kafka/requests/fetch-uncommitted.ts";
import { fetchRecords } from "../../../src/kafka/requests/fetch.ts";
import * as group from "../../../src/kafka/requests/group.ts";
import { metadataV12, metadataV8 } from "../../../src/kafka/requests/metadata.ts";
import * as offsets from "../../../src/kafka/requests/offsets.ts";
import { produce } from "../../../src/kafka/requests/produce.ts";
import type { KafkaRequest } from "../../../src/kafka/requests/request.ts";
import * as transactions from "../../../src/kafka/requests/transactions.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodePlan,
  encodeSubscription,
} from "../../../src/kafka/subscription.ts";
import { must, taken, type Target } from "../target.ts";

/** Answers of a real broker, kept by `keep-answers.ts`; what they were asked with does not matter. */
const file = fileURLToPath(new URL("../../vectors/answers/kafka.json", import.meta.url));
const kept = JSON.parse(readFileSync(file, "utf8")) as readonly { name: string; bytes: string }[];

const p = { topic: "fuzz", partition: 0 };
const want = { ...p, offset: 0n, maxBytes: 1 << 20, topicId: "AAAAAAAAAAAAAAAAAAAAAQ" };
const fetchOf = (maxVersion: number): KafkaRequest<unknown> =>
  fetchRecords({ wants: [{ ...want, leaderEpoch: -1 }], maxWaitMs: 1, maxBytes: 1 }, maxVersion);
const member = { group: "g", memberId: "m", instanceId: null };
const lease = { ...member, generation: 1 };
const times = { sessionTimeoutMs: 1, rebalanceTimeoutMs: 1 };
const producer = { transactionalId: "t", producerId: 1n, epoch: 0 };
const none = Buffer.alloc(0);

const REQUESTS: Readonly<Record<string, KafkaRequest<unknown>>> = {
  metadataV12: metadataV12(null),
  metadataV8: metadataV8(null),
  fetchRecords: fetchOf(11),
  fetchRecordsById: fetchOf(17),
  fetchUncommitted: fetchUncommitted(want, 1),
  listOffsets: offsets.listOffsets([p], "latest"),
  offsetForLeaderEpoch: offsets.offsetForLeaderEpoch([{ ...p, epoch: 0 }]),
  offsetCommit: offsets.offsetCommit({ ...lease, entries: [] }),
  offsetFetch: offsets.offsetFetch("g", [p]),
  describeConfigs: describeConfigs([], []),
  createTopic: createTopic(
    { topic: "t", partitions: 1, replicationFactor: 1, settings: {} },
    { timeoutMs: 1, validateOnly: true },
  ),
  createPartitions: createPartitions("t", 1, { timeoutMs: 1, validateOnly: true }),
  findCoordinator: group.findCoordinator("g"),
  joinGroup: group.joinGroup({ ...member, ...times, protocol: "p", metadata: none }),
  syncGroup: group.syncGroup({ ...lease, assignments: [], rebalanceTimeoutMs: 1 }),
  heartbeat: group.heartbeat(lease, 1),
  leaveGroup: group.leaveGroup(member),
  describeGroup: describeGroup("g"),
  findTransactionCoordinator: transactions.findTransactionCoordinator("t"),
  initProducerId: transactions.initProducerId("t", 1),
  addPartitionsToTxn: transactions.addPartitionsToTxn(producer, [p]),
  produce: produce({ ...p, transactionalId: "t", recordBatch: none, timeoutMs: 1 }),
  endTxn: transactions.endTxn(producer, true),
};

/** Who decodes never makes more than the bytes could hold. */
const MAX_PARTS_PER_BYTE = 2;

function parts(value: unknown): number {
  if (Buffer.isBuffer(value) || typeof value !== "object" || value === null) return 1;
  const inside = value instanceof Map ? [...value.keys(), ...value.values()] : Object.values(value);
  return inside.reduce((n: number, v) => n + parts(v), 1);
}

const answerTarget = (name: string, request: KafkaRequest<unknown>): Target => ({
  name: `kafka-${name}`,
  shape: "bytes",
  seeds: kept
    .filter((k) => k.name === name.replace(/ById$/, ""))
    .map((k) => Buffer.from(k.bytes, "base64")),
  read: (input) =>
    taken(() => {
      const found = parts(request.decode(input));
      must(
        found <= 20 + MAX_PARTS_PER_BYTE * input.length,
        `${found} parts of ${input.length} bytes`,
      );
    }),
});

const owned = [p, { topic: "fuzz", partition: 1 }, { topic: "other", partition: 7 }];
const isPartition = (x: { topic: string; partition: number }): boolean =>
  typeof x.topic === "string" && Number.isInteger(x.partition);

/** What members of the group tell each other, through a broker that does not look at it. */
function readMember(input: Buffer): boolean {
  const about = taken(() => {
    const s = decodeSubscription(input, "one");
    must(Number.isInteger(s.generation) && s.owned.every(isPartition), "partitions");
    must(
      Object.values(s.about).every((v) => typeof v === "string"),
      "texts about a member",
    );
  });
  const assigned = taken(() => {
    const a = decodeAssignment(input);
    must([a.owned, ...a.group.values()].flat().every(isPartition), "partitions");
  });
  return about || assigned;
}

export const kafkaTargets: readonly Target[] = [
  ...Object.entries(REQUESTS).map(([name, request]) => answerTarget(name, request)),
  {
    name: "group-member",
    shape: "bytes",
    seeds: [
      encodeSubscription({ topics: ["fuzz"], owned, generation: 3, about: { version: "1" } }),
      encodeAssignment(owned, encodePlan(new Map([["one", owned]]))),
    ],
    read: readMember,
  },
];
