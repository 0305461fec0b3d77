import { setTimeout as sleep } from "node:timers/promises";
import { archiveFiles } from "../../audit/archive-side.ts";
import type { AuditRecord } from "../../audit/audit-record.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { until } from "../../kafka/live-kafka.ts";
import { AUDITED } from "../promises.ts";
import type { FaultCase, Stage } from "../stage.ts";
import { onCluster } from "./cluster.ts";
import { stillArchived, topicNow } from "./kept.ts";

const GROUPS = "__consumer_offsets";

/** Everything is archived by the daemon that ran all the time, once and equal. */
async function well(s: Stage, config: string): Promise<void> {
  await s.settled();
  await s.drained();
  await s.audited();
  await s.verified(config);
}

/** What each sink has of both branches, against the topic as it was and as it is. */
async function branchesAudited(s: Stage, before: readonly AuditRecord[]): Promise<void> {
  const now = await topicNow(s);
  for (const folder of ["files", "copy"]) {
    const files = await archiveFiles(s.path(folder), s.topic);
    const parted = files.find((f) => f.branch === 1)?.start;
    if (parted === undefined) throw new Error(`${folder} has no branch 1`);
    await stillArchived(s, folder, before, { branch: 0 });
    const since = now.filter((r) => r.offset >= parted);
    await stillArchived(s, folder, since, { branch: 1 });
  }
}

export const BROKERS: readonly FaultCase[] = [
  onCluster("three brokers are restarted one after the other", async (s, c) => {
    const config = s.config("c.yaml");
    const daemon = s.start(config);
    await c.underProduction(async () => {
      await s.put(100);
      for (const broker of [0, 1, 2]) {
        await c.kafka.shutDown(broker);
        await sleep(2_000);
        await c.kafka.restart(broker);
        await c.inSync();
      }
    });
    s.injected.push("each broker in order is stopped, away for 2 s, and started again");
    s.expect(daemon.running, "the daemon runs on");
    await well(s, config);
  }),
  onCluster("the broker that leads is killed", async (s, c) => {
    const config = s.config("c.yaml");
    const daemon = s.start(config);
    await c.underProduction(async () => {
      await s.put(100);
      for (const round of ["first", "second"]) {
        const leader = await c.leader();
        await c.kafka.kill(leader);
        await c.ledBy(s.topic, 0, (broker) => broker >= 0 && broker !== leader);
        await sleep(3_000);
        await c.kafka.restart(leader);
        await c.inSync();
        s.injected.push(`the ${round} leader, broker ${leader + 1}, is killed, and started again`);
      }
    });
    s.expect(daemon.running, "the daemon runs on");
    await well(s, config);
  }),
  onCluster("the group's coordinator moves, and is killed", async (s, c) => {
    const config = s.config("c.yaml");
    const daemon = s.start(config);
    await c.underProduction(async () => {
      await s.put(100);
      for (const _ of [1, 2, 3]) await c.moveCoordinator();
      const { partition, broker } = await c.coordinator();
      await c.kafka.kill(broker);
      await c.ledBy(GROUPS, partition, (leader) => leader >= 0 && leader !== broker);
      await sleep(3_000);
      await c.kafka.restart(broker);
    });
    s.injected.push("the group's coordinator moves three times, then its broker is killed");
    s.expect(daemon.running, "the daemon runs on");
    await c.inSync();
    await well(s, config);
  }),
  onCluster(
    "the topic of offsets has too few copies in sync",
    async (s, c) => {
      const config = s.config("c.yaml");
      const daemon = s.start(config);
      await s.put(300);
      await s.settled();
      const { broker } = await c.coordinator();
      const other = (broker + 1) % 3;
      c.configure(GROUPS, "min.insync.replicas=3");
      await c.kafka.shutDown(other);
      await sleep(2_000);
      const before = (await s.live.committed(s.topic)).join();
      s.injected.push(`${GROUPS} wants three copies in sync and has two: no commit is taken`);
      await c.underProduction(() => sleep(10_000));
      s.expect(
        (await s.live.committed(s.topic)).join() === before,
        "nothing is committed meanwhile",
      );
      s.expect(daemon.running, "the daemon runs on");
      s.said(/COORDINATOR_NOT_AVAILABLE|NOT_ENOUGH_REPLICAS|not available/);
      await c.kafka.restart(other);
      await c.inSync();
      await well(s, config);
    },
    { shows: [...AUDITED, "waits"] },
  ),
  onCluster(
    "an unclean election cuts the log short",
    async (s, c) => {
      await c.moveTo(s.topic, 0, [0, 1]);
      c.configure(s.topic, "unclean.leader.election.enable=true", "min.insync.replicas=1");
      const config = s.config("c.yaml");
      const daemon = s.start(config);
      await s.put(300);
      await s.settled();
      await c.kafka.kill(1);
      await c.onlyInSync(s.topic, 0);
      await s.put(300);
      await s.settled();
      const before = await topicNow(s);
      await c.kafka.kill(0);
      await c.kafka.restart(1);
      await c.ledBy(s.topic, 0, (leader) => leader === 1);
      const [end = 0n] = await s.live.ends();
      s.injected.push(
        `the copy out of sync leads after the only leader's death: ${before.length} records were acknowledged and archived, ${end} are left`,
      );
      s.expect(end < BigInt(before.length), "the log was cut short");
      await c.kafka.restart(0);
      await c.inSync();
      // Sequence numbers of the first producer are unknown to the log that is left.
      const live = await LiveTopic.create(s.kafka.bootstrap, s.topic, 1, false);
      for (let i = 0; i < 6; i += 1) await live.produce(100);
      await live.close();
      await s.says(/log-cut-short/, 60_000);
      s.expect(daemon.running, "the daemon runs on");
      await until("the group is at the end of the new log", 60_000, async () => {
        const [ends, at] = await Promise.all([s.live.ends(), s.live.committed(s.topic)]);
        await sleep(200);
        return ends.join() === at.join();
      });
      await s.drained();
      await branchesAudited(s, before);
      await s.verified(config);
    },
    { partitions: 1, shows: [...AUDITED, "stays-archived", "never-destroys"] },
  ),
];
