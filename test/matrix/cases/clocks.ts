import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AUDITED } from "../promises.ts";
import type { FaultCase } from "../stage.ts";

const DAY_MS = 86_400_000;
const PRELOAD = new URL("../../faults/clock-ahead.ts", import.meta.url);

export const CLOCKS: readonly FaultCase[] = [
  {
    name: "the clock of one of two daemons is stepped by a day, forward and back",
    shows: [...AUDITED, "waits"],
    run: async (s) => {
      const bucket = await s.bucket();
      mkdirSync(s.path("m2"));
      const sinks = {
        files: "kind: fs, path: ./files",
        copy: "kind: fs, path: ./m2/copy, whenAway: { detach: 30m }",
        ceph: bucket.sink(),
      };
      const config = s.config("c.yaml", { sinks });
      const step = (ms: number): void => writeFileSync(s.path("ahead"), String(ms));
      step(0);
      s.start(config, {
        NODE_OPTIONS: `--import=${PRELOAD.href}`,
        CLOCK_AHEAD_FILE: s.path("ahead"),
      });
      s.live.begin(30, 40);
      await s.archivesSome();
      s.start(config);
      renameSync(s.path("m2"), s.path("m2.gone"));
      await s.says(/sink does not answer as it should/);
      step(DAY_MS);
      await sleep(3_000);
      s.injected.push("the clock goes a day forward while a sink is away that may be so for 30 m");
      s.unsaid(/goes on without a sink/);
      renameSync(s.path("m2.gone"), s.path("m2"));
      await s.archivesSome();
      await s.says(/RequestTimeTooSkewed|clock/);
      step(-DAY_MS);
      s.injected.push("then two days back");
      await s.archivesSome();
      await sleep(3_000);
      await s.archivesSome();
      step(0);
      await s.live.stop();
      await s.settled();
      await s.drained();
      await bucket.brought(s.path("ceph"));
      await s.audited(["files", "m2/copy", "ceph"]);
      await s.verified(config);
    },
  },
];
