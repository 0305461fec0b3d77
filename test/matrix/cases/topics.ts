import { readdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LiveTopic } from "../../faults/topic.ts";
import { AUDITED } from "../promises.ts";
import type { FaultCase } from "../stage.ts";
import { stillArchived, topicNow } from "./kept.ts";

export const TOPICS: readonly FaultCase[] = [
  {
    name: "a topic is deleted and made again under its name",
    shows: [...AUDITED, "waits", "stays-archived"],
    run: async (s) => {
      const config = s.config("c.yaml");
      const daemon = s.start(config);
      await s.put(300);
      await s.settled();
      const before = await topicNow(s);
      const ids = (): string[] => readdirSync(s.path("files", "data", s.topic));
      const [old = ""] = ids();
      await s.admin.deleteTopics({ topics: [s.topic] });
      await sleep(1_000);
      // Not idempotent: what a broker still knows of the old topic would be out of sequence.
      const again = await LiveTopic.create(s.kafka.bootstrap, s.topic, 3, false);
      await again.produce(100);
      s.injected.push("the topic is deleted, and made again with other records");
      await s.says(/topic-recreated|was deleted and created again/, 60_000);
      s.expect(daemon.running, "the daemon runs on");
      await s.drained();
      await s.admin.deleteGroups([s.topic]);
      s.start(config);
      await again.produce(100);
      await again.archived(s.topic, 60_000, () => null);
      await s.drained();
      await again.close();
      for (const folder of ["files", "copy"]) {
        await stillArchived(s, folder, before, { topicId: old });
      }
      await s.audited(["files", "copy"], { topicId: ids().find((id) => id !== old) ?? "" });
      await s.verified(config);
    },
  },
  {
    name: "partitions grow from 3 to 6",
    shows: AUDITED,
    run: async (s) => {
      const config = s.config("c.yaml");
      s.start(config);
      s.live.begin(30, 40);
      await s.archivesSome();
      await s.admin.createPartitions({ topicPartitions: [{ topic: s.topic, count: 6 }] });
      s.injected.push("three partitions more under production");
      await sleep(10_000);
      await s.live.stop();
      for (let i = 0; i < 60; i += 1) {
        const committed = await s.live.committed(s.topic);
        const ends = await s.live.ends();
        if (committed.length === 6 && ends.every((e, p) => (committed[p] ?? -1n) >= e)) break;
        await sleep(1_000);
      }
      await s.settled();
      await s.drained();
      await s.audited();
      await s.verified(config);
    },
  },
  {
    name: "records are deleted past the position",
    shows: [...AUDITED, "waits"],
    partitions: 1,
    run: async (s) => {
      const config = s.config("c.yaml");
      s.start(config);
      await s.put(100);
      await s.settled();
      await s.drained();
      await s.put(200);
      const file = s.path("delete.json");
      const partitions = [{ topic: s.topic, partition: 0, offset: 200 }];
      writeFileSync(file, JSON.stringify({ partitions, version: 1 }));
      s.kafka.tool("org.apache.kafka.tools.DeleteRecordsCommand", [
        ...["--bootstrap-server", s.kafka.bootstrap, "--offset-json-file", file],
      ]);
      s.injected.push("records 100 to 199 are deleted before they are archived");
      s.start(config);
      await s.says(/"code":"offset-out-of-range"/);
      const skip = ["skip", "--config", config, "--topic", s.topic, "--partition", "0"];
      const done = await s.cli(...skip, "--to", "200", "--reason", "deleted by retention");
      s.expect(done.code === 0, `skip ends with 0: ${done.stdout}${done.stderr}`);
      await s.settled();
      await s.drained();
      await s.audited(["files", "copy"], { vanished: true });
      await s.verified(config);
    },
  },
  {
    name: "200 partitions, one of them stuck",
    shows: [...AUDITED, "waits"],
    partitions: 200,
    run: async (s) => {
      const stuck = 7;
      const config = s.config("c.yaml");
      s.start(config);
      await s.put(4_000);
      await s.settled();
      await s.drained();
      const position = (await s.live.ends())[stuck] ?? 0n;
      await s.put(4_000);
      const file = s.path("delete.json");
      const offset = Number(position) + 1;
      const partitions = [{ topic: s.topic, partition: stuck, offset }];
      writeFileSync(file, JSON.stringify({ partitions, version: 1 }));
      s.kafka.tool("org.apache.kafka.tools.DeleteRecordsCommand", [
        ...["--bootstrap-server", s.kafka.bootstrap, "--offset-json-file", file],
      ]);
      s.injected.push(`partition ${stuck} of 200 has lost a record that is not archived`);
      s.start(config);
      await s.says(/"code":"offset-out-of-range"/);
      const ends = await s.live.ends();
      let behind: number[] = [];
      for (let i = 0; i < 120; i += 1) {
        const committed = await s.live.committed(s.topic);
        behind = ends.flatMap((end, p) => ((committed[p] ?? -1n) < end ? [p] : []));
        if (behind.join() === String(stuck)) break;
        await sleep(500);
      }
      s.expect(behind.join() === String(stuck), `only ${stuck} is behind, not ${behind.join()}`);
      await s.drained();
      const lost = Number((ends[stuck] ?? 0n) - BigInt(offset));
      await s.audited(["files", "copy"], { vanished: true, lost });
    },
  },
];
