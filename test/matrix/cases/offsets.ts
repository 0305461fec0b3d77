import { type CommitEntry, offsetCommit } from "../../../src/kafka/requests/offsets.ts";
import { connected, never } from "../../kafka/live-kafka.ts";
import { AUDITED } from "../promises.ts";
import type { FaultCase, Stage } from "../stage.ts";

/**
 * As somebody would who is no member of the group and writes what he likes. (kafkajs' own `setOffsets`
 * leaves out the metadata.)
 */
async function commit(s: Stage, entries: readonly CommitEntry[]): Promise<void> {
  const client = await connected(s.kafka.bootstrap);
  try {
    const nobody = { group: s.topic, generation: -1, memberId: "", instanceId: null };
    const answer = await client.sendToCoordinator(
      s.topic,
      offsetCommit({ ...nobody, entries }),
      never,
    );
    for (const { partition, error } of answer) {
      if (error !== 0) throw new Error(`the commit of partition ${partition}: error ${error}`);
    }
  } finally {
    await client.close();
  }
}

const resetTool = (s: Stage, ...how: string[]): string =>
  s.kafka.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", [
    ...["--bootstrap-server", s.kafka.bootstrap, "--group", s.topic],
    ...["--topic", s.topic, "--reset-offsets", "--execute", ...how],
  ]);

/** The committed text of a partition whose daemon died with a plan pending. */
async function pendingPlan(s: Stage, config: string): Promise<string> {
  await s.put(300);
  await s.diesAt(config, "after-plan");
  const [found] = await s.admin.fetchOffsets({ groupId: s.topic, topics: [s.topic] });
  const plans = (found?.partitions ?? []).map((p) => p.metadata ?? "");
  const planned = plans.find((text) => /^ba1 [1-4] /.test(text));
  s.expect(planned !== undefined, "a plan is committed");
  return planned ?? "";
}

/** Replaces the metadata of every partition, the offsets stay. */
export async function rewriteMetadata(s: Stage, made: (text: string) => string): Promise<void> {
  const [found] = await s.admin.fetchOffsets({ groupId: s.topic, topics: [s.topic] });
  const entries = (found?.partitions ?? [])
    .filter(({ offset }) => offset !== "-1")
    .map(({ partition, offset, metadata }) => ({
      ...{ topic: s.topic, partition, offset: BigInt(offset), leaderEpoch: -1 },
      metadata: made(metadata ?? ""),
    }));
  await commit(s, entries);
  const [now] = await s.admin.fetchOffsets({ groupId: s.topic, topics: [s.topic] });
  for (const { partition, metadata } of now?.partitions ?? []) {
    const wanted = entries.find((e) => e.partition === partition)?.metadata;
    s.expect(
      wanted === undefined || wanted === (metadata ?? ""),
      `partition ${partition} holds ${wanted}`,
    );
  }
}

const planCase = (name: string, made: (text: string) => string, said?: RegExp): FaultCase => ({
  name,
  shows: AUDITED,
  run: async (s) => {
    const config = await s.archivedOnce();
    await pendingPlan(s, config);
    await s.kafkaGroupIsEmpty();
    await rewriteMetadata(s, made);
    s.injected.push(name);
    await s.goesOn(config);
    if (said !== undefined) s.said(said);
  },
});

export const OFFSETS: readonly FaultCase[] = [
  {
    name: "offsets reset to the start by Kafka's own tool",
    shows: AUDITED,
    run: async (s) => {
      const config = await s.archivedOnce();
      await s.kafkaGroupIsEmpty();
      resetTool(s, "--to-earliest");
      s.injected.push("kafka-consumer-groups --reset-offsets --to-earliest");
      await s.goesOn(config);
    },
  },
  {
    name: "offsets reset into the middle of a batch",
    shows: AUDITED,
    run: async (s) => {
      const config = await s.archivedOnce();
      await s.kafkaGroupIsEmpty();
      resetTool(s, "--to-offset", "37");
      s.injected.push("kafka-consumer-groups --reset-offsets --to-offset 37");
      await s.goesOn(config);
    },
  },
  {
    name: "offsets set ahead of what is archived",
    shows: AUDITED,
    run: async (s) => {
      const config = await s.archivedOnce();
      await s.put(300);
      await s.kafkaGroupIsEmpty();
      resetTool(s, "--to-latest");
      s.injected.push("kafka-consumer-groups --reset-offsets --to-latest, past 300 new records");
      await s.goesOn(config);
    },
  },
  {
    name: "the group's offsets are deleted",
    shows: AUDITED,
    run: async (s) => {
      const config = await s.archivedOnce();
      await s.kafkaGroupIsEmpty();
      await s.admin.deleteGroups([s.topic]);
      s.injected.push("the consumer group is deleted, as after offsets.retention.minutes");
      await s.goesOn(config);
    },
  },
  planCase("a plan that was wiped", () => ""),
  planCase("a plan that was cut short", (text) => text.slice(0, 60), /checksum/),
  planCase("a plan from a future version", (text) => text.replace(/^ba1/, "ba9"), /later version/),
  planCase("a text that is not ours", () => "written by somebody else", /not written by/),
];
