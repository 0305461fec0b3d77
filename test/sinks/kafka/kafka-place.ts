import { setTimeout as sleep } from "node:timers/promises";
import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { kafkaPlugin } from "../../../sinks/kafka/kafka-plugin.ts";
import { nodeClock, nodeRandom } from "../../../src/daemon/node-ports.ts";
import { decorate } from "../../../src/deliver/decorate.ts";
import { scopeText } from "../../../src/core/scope.ts";
import type { ConformancePlace, ConformanceTarget } from "../../../src/sdk/conformance.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { kcatRecords } from "./kcat.ts";

const never = new AbortController().signal;

const bootstrap = (): string => {
  const found = process.env["TEST_KAFKA"];
  if (found === undefined) throw new Error("the global set-up has not set TEST_KAFKA");
  return found;
};

/**
 * What the conformance kit's writer processes load; `address` is a topic prefix. With retries, as the
 * daemon opens it: writers that race fence one another, and that is a passing error.
 */
export async function openSink(address: string): Promise<Sink> {
  const plain = await openPlain(address);
  const retry = { firstMs: 50, maxMs: 400, tries: 30 };
  return decorate(plain, { name: "kafka", retry }, { clock: nodeClock, random: nodeRandom }).sink;
}

export function openPlain(
  address: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Sink> {
  const brokers = bootstrap().split(",");
  const config = kafkaPlugin.schema.parse({ brokers, topicPrefix: address, ...more });
  const host = { name: "kafka", baseDir: "/", partitionCount: () => 16 };
  return Promise.resolve(kafkaPlugin.open(config, host, never));
}

export const kafkaTarget: ConformanceTarget = {
  module: new URL(import.meta.url),
  batches: 2_000,
  place: () => Promise.resolve(placeAt(`t${randomUUID().slice(0, 8)}.`)),
};

export function placeAt(prefix: string): ConformancePlace {
  const ledger = `${prefix}bulk-archiver.ledger`;
  const kafka = new Kafka({ brokers: bootstrap().split(","), logLevel: logLevel.NOTHING });
  return {
    address: prefix,
    open: () => openSink(prefix),
    damage: async ({ description: d }) => {
      // What retention does too soon: the first records of the batch's partition are deleted.
      const admin = kafka.admin();
      await admin.connect();
      const partitions = [{ partition: d.partition, offset: "1" }];
      const topic = `${prefix}${d.topic}`;
      // kafkajs knows the leaders only of topics that it was asked about.
      await led(() => admin.fetchTopicOffsets(topic));
      await admin.deleteTopicRecords({ topic, partitions });
      await admin.disconnect();
    },
    finalNames: async () => {
      const newest = new Map(
        (await kcatRecords(bootstrap(), ledger)).map((r) => [r.key, r.payload]),
      );
      return [...newest.entries()]
        .flatMap(([key, value]) => namesOf(key ?? "", value ?? ""))
        .sort();
    },
    dispose: async () => {
      const admin = kafka.admin();
      await admin.connect();
      const topics = (await admin.listTopics()).filter((t) => t.startsWith(prefix));
      if (topics.length > 0) await admin.deleteTopics({ topics });
      await admin.disconnect();
    },
  };
}

/** What a blob sink would call what this ledger record says. */
function namesOf(key: string, value: string): string[] {
  if (key === "archive") return ["archive.json"];
  const entry = JSON.parse(value) as { is: "data" | "whole"; text: string };
  const d = JSON.parse(entry.text) as { seal: { path: string }; start: number } & Parameters<
    typeof scopeText
  >[0];
  const manifest = `manifests/${scopeText(d)}/${d.start}.json`;
  return entry.is === "whole" ? [d.seal.path, manifest] : [d.seal.path];
}

/** Who leads a topic that was just made is known some moments later. */
async function led(ask: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await ask();
      return;
    } catch (error) {
      if (tries === 50 || !String(error).includes("not the leader")) throw error;
      await sleep(100);
    }
  }
}
