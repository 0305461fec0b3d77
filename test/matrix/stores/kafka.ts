import { cpSync, renameSync, rmSync } from "node:fs";
import { Kafka, logLevel } from "kafkajs";
import { KafkaServer } from "../../servers/kafka.ts";
import { targetHolds } from "../../sinks/all/same-records.ts";
import type { Store } from "./store.ts";

const [TOPIC, WRITE, DENY, PREFIXED] = [2, 4, 2, 4];
const AUTHORIZER = {
  "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  "allow.everyone.if.no.acl.found": "true",
};
const PREFIX = "copy.";
/** With room for two copies of what it keeps. */
const DISK_MIB = 1_024;

export async function kafka(): Promise<Store> {
  const clusterId = "bWF0cml4LWthZmthLXNpbg";
  const server = await KafkaServer.start({
    ...{ heap: "384m", clusterId, diskMib: DISK_MIB },
    properties: AUTHORIZER,
  });
  const brokers = server.bootstrap.split(",");
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const removed = async (): Promise<void> => {
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(PREFIX));
    await admin.deleteTopics({ topics });
  };
  const acl = {
    ...{ resourceType: TOPIC, resourceName: PREFIX, resourcePatternType: PREFIXED },
    ...{ principal: "User:ANONYMOUS", host: "*", operation: WRITE, permissionType: DENY },
  };
  return {
    settings: {
      ...{ kind: "kafka", brokers, topicPrefix: PREFIX, plaintext: "allow" },
      limits: { timeout: "10s" },
    },
    place: "the topics",
    damages: [
      {
        what: "its first record and all before it are deleted from the target, as by retention",
        do: async ({ description: { topic, partition, start } }) => {
          const target = `${PREFIX}${topic}`;
          // kafkajs knows the leaders only of topics that it was asked about.
          await admin.fetchTopicOffsets(target);
          // Each batch before it has a marker of its transaction there; one record of its own goes as well.
          const partitions = [{ partition, offset: String(start + 2n) }];
          await admin.deleteTopicRecords({ topic: target, partitions });
        },
      },
    ],
    refusals: [
      {
        what: "its topics may not be written",
        begin: () => admin.createAcls({ acl: [acl] }),
        end: () => admin.deleteAcls({ filters: [acl] }),
      },
      {
        what: "its disk is full",
        begin: () => Promise.resolve(server.disk?.fill()),
        // A broker that could not write has ended.
        end: () => {
          server.disk?.free();
          return server.restart(0);
        },
      },
    ],
    kill: () => server.kill(0),
    restart: () => server.restart(0),
    signal: (name) => server.signal(0, name),
    byHand: { what: "the copy and its ledger are removed", do: removed },
    remove: removed,
    renew: () => Promise.resolve(),
    snapshot: async () => {
      const [logs = ""] = server.logDirs;
      const copy = `${logs}.copy`;
      await server.shutDown(0);
      cpSync(logs, copy, { recursive: true });
      await server.restart(0);
      return async () => {
        await server.shutDown(0);
        rmSync(logs, { recursive: true });
        renameSync(copy, logs);
        await server.restart(0);
      };
    },
    audited: async (s) => {
      await s.audited(["files"]);
      const target = { bootstrap: server.bootstrap, topic: `${PREFIX}${s.topic}` };
      const source = { bootstrap: s.kafka.bootstrap, topic: s.topic };
      const records = await targetHolds(target, source);
      s.reported.push(`target topic: ${records} records, each once and equal`);
    },
    stop: async () => {
      await admin.disconnect();
      await server.stop();
    },
  };
}
