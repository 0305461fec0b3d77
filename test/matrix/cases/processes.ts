import { setTimeout as sleep } from "node:timers/promises";
import { FAILPOINTS } from "../../../src/pipeline/failpoint.ts";
import type { Daemon } from "../../faults/daemon.ts";
import { until } from "../../kafka/live-kafka.ts";
import { AUDITED } from "../promises.ts";
import type { FaultCase } from "../stage.ts";

/** Longer than the session time-out of 6 s. */
const FROZEN_MS = 8_000;
const JOINED_MS = 60_000;

export const PROCESSES: readonly FaultCase[] = [
  {
    name: "killed at each step of the protocol, and again during the recovery",
    shows: AUDITED,
    run: async (s) => {
      const config = s.config("c.yaml");
      s.live.begin(30, 40);
      for (const step of FAILPOINTS) {
        await s.diesAt(config, step);
        await s.diesAt(config, "after-data");
      }
      s.injected.push(`SIGKILL at ${FAILPOINTS.join(", ")}, each followed by one at after-data`);
      await s.live.stop();
      s.start(config);
      await s.settled();
      await s.drained();
      await s.audited();
      await s.verified(config);
    },
  },
  {
    name: "terminated with full buffers",
    shows: AUDITED,
    run: async (s) => {
      const config = s.config("c.yaml", { batch: "{ bytes: 8MiB, age: 60s }" });
      const first = s.start(config);
      await s.says(/partitions assigned/);
      await s.put(3_000);
      await sleep(3_000);
      s.injected.push("SIGTERM while 3,000 records wait for a batch that is not full");
      await first.drain();
      s.said(/"msg":"stopped"/);
      s.start(s.config("c.yaml"));
      await s.settled();
      await s.drained();
      await s.audited();
      await s.verified(config);
    },
  },
  {
    name: "one, four and one daemons, every five seconds",
    shows: AUDITED,
    partitions: 8,
    run: async (s) => {
      const config = s.config("c.yaml");
      s.live.begin(40, 40);
      const steady = s.start(config);
      for (let round = 0; round < 2; round += 1) {
        const others = [1, 2, 3].map(() => s.start(config));
        await sleep(5_000);
        await until("all have joined", JOINED_MS, async () => {
          await sleep(100);
          return others.every((d) => d.said(/partitions assigned/));
        });
        for (const d of others) await (round === 0 ? d.drain() : d.kill());
        await sleep(5_000);
      }
      s.injected.push("three daemons join, leave in order; three join, are killed");
      s.expect(steady.running, "the first daemon runs on");
      await s.live.stop();
      await s.settled();
      await s.drained();
      await s.audited();
      await s.verified(config);
    },
  },
  {
    name: "frozen beyond the session, while another goes on",
    shows: AUDITED,
    run: async (s) => {
      const config = s.config("c.yaml");
      s.live.begin(30, 40);
      const zombie = s.start(config);
      await s.archivesSome();
      zombie.signal("SIGSTOP");
      s.start(config);
      await sleep(FROZEN_MS);
      zombie.signal("SIGCONT");
      s.injected.push(`SIGSTOP for ${FROZEN_MS} ms, SIGCONT when another owns its partitions`);
      await sleep(3_000);
      await s.live.stop();
      await s.settled();
      await s.drained();
      s.said(/membership|UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION|did not answer/);
      await s.audited();
      await s.verified(config);
    },
  },
  {
    name: "frozen beyond the session at each step of the protocol, while another goes on",
    shows: AUDITED,
    // More than members, those that woke included: each newcomer gets one, and meets its step.
    partitions: 12,
    run: async (s) => {
      // Each file is read back by three programs: few, over minutes and twelve partitions.
      const config = s.config("c.yaml", { batch: "{ bytes: 256KiB, age: 4s }" });
      s.live.begin(10, 150);
      const heir = s.start(config);
      const zombies: Daemon[] = [];
      for (const [i, step] of FAILPOINTS.entries()) {
        const env = { BULK_ARCHIVER_FAILPOINT: `${step}:${1 + (i % 2)}:stop` };
        const zombie = s.start(config, env);
        await zombie.stopped(60_000);
        zombies.push(zombie);
        // Its partitions go to others before the next one joins.
        await sleep(FROZEN_MS);
        await s.archivesSome();
        if (i % 3 === 2) for (const z of zombies.splice(0)) z.signal("SIGCONT");
      }
      for (const z of zombies.splice(0)) z.signal("SIGCONT");
      s.injected.push(`SIGSTOP at ${FAILPOINTS.join(", ")} for more than ${FROZEN_MS} ms`);
      s.expect(heir.running, "the one that was never frozen runs on");
      await sleep(3_000);
      await s.live.stop();
      await s.settled();
      await s.drained();
      s.said(/membership of the group lost/);
      await s.audited();
      await s.verified(config);
    },
  },
  {
    name: "killed at random, twice in a row",
    shows: AUDITED,
    run: async (s) => {
      const config = s.config("c.yaml");
      s.live.begin(30, 40);
      const after: number[] = [];
      for (let round = 0; round < 4; round += 1) {
        for (const atWork of [true, false]) {
          const daemon = s.start(config);
          if (atWork) await s.archivesSome();
          const ms = s.dice.between(0, 4_000);
          after.push(ms);
          await sleep(ms);
          await daemon.kill();
        }
      }
      s.injected.push(`SIGKILL after ${after.join(", ")} ms, each second one in the recovery`);
      s.start(config);
      await s.archivesSome();
      await s.live.stop();
      await s.settled();
      await s.drained();
      await s.audited();
      await s.verified(config);
    },
  },
];
