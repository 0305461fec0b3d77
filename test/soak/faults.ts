import { renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "./dice.ts";
import { type Folder, FOLDERS, type Slot, type World } from "./world.ts";

/** One trouble, from its beginning to its end. */
export interface Fault {
  readonly name: string;
  run(world: World, dice: Dice): Promise<string>;
}

/** Longer than the session time-out of 6 s. */
const FROZEN_MS = 9_000;

const victims = (world: World): Slot[] =>
  world.daemons.slice(1).filter((s) => s.daemon?.running === true);

async function away(world: World, folder: Folder, ms: number): Promise<string> {
  const [here, gone] = [join(world.dir, folder), join(world.dir, `${folder}.gone`)];
  renameSync(here, gone);
  await sleep(ms);
  renameSync(gone, here);
  return `${folder} for ${ms} ms`;
}

async function proxied(
  world: World,
  dice: Dice,
  set: (faults: World["toKafka"]["faults"]) => void,
  ms: number,
): Promise<string> {
  const which = dice.pick(["kafka", "ceph"] as const);
  const proxy = which === "kafka" ? world.toKafka : world.toCeph;
  set(proxy.faults);
  await sleep(ms);
  proxy.heal();
  proxy.resetAll();
  return `${which} for ${ms} ms`;
}

export const FAULTS: readonly Fault[] = [
  {
    name: "a daemon is killed and starts again",
    run: async (world, dice) => {
      const slot = dice.pick(victims(world));
      await slot.daemon?.kill();
      await sleep(dice.between(0, 4_000));
      world.start(slot);
      return slot.name;
    },
  },
  {
    name: "a daemon is killed twice in a row",
    run: async (world, dice) => {
      const slot = dice.pick(victims(world));
      for (let i = 0; i < 2; i += 1) {
        await slot.daemon?.kill();
        world.start(slot);
        await sleep(dice.between(300, 2_500));
      }
      return slot.name;
    },
  },
  {
    name: "a daemon is frozen beyond its session and goes on",
    run: async (world, dice) => {
      const slot = dice.pick(victims(world));
      slot.daemon?.signal("SIGSTOP");
      await sleep(FROZEN_MS);
      slot.daemon?.signal("SIGCONT");
      return slot.name;
    },
  },
  {
    name: "a daemon is drained, and another version of it starts",
    run: async (world, dice) => {
      const slot = dice.pick(victims(world));
      await slot.daemon?.drain();
      world.start(slot);
      return slot.name;
    },
  },
  {
    name: "a folder is away",
    run: (world, dice) => away(world, dice.pick(FOLDERS), dice.between(500, 12_000)),
  },
  {
    name: "the broker is killed and starts again",
    run: async (world) => {
      await world.kafka.restart(0);
      return "";
    },
  },
  {
    name: "the broker is frozen",
    run: async (world, dice) => {
      const ms = dice.between(1_000, 9_000);
      world.kafka.signal(0, "SIGSTOP");
      await sleep(ms);
      world.kafka.signal(0, "SIGCONT");
      return `for ${ms} ms`;
    },
  },
  {
    name: "the S3 gateway is killed and starts again",
    run: async (world, dice) => {
      await world.ceph.kill("gateway");
      await sleep(dice.between(0, 6_000));
      await world.ceph.restart();
      return "";
    },
  },
  {
    name: "the S3 gateway is frozen",
    run: async (world, dice) => {
      const ms = dice.between(1_000, 10_000);
      world.ceph.signal("gateway", "SIGSTOP");
      await sleep(ms);
      world.ceph.signal("gateway", "SIGCONT");
      return `for ${ms} ms`;
    },
  },
  {
    name: "a network is silent",
    run: (world, dice) =>
      proxied(world, dice, (f) => (f.silent = true), dice.between(1_000, 9_000)),
  },
  {
    name: "a network refuses connections",
    run: async (world, dice) => {
      world.toKafka.resetAll();
      world.toCeph.resetAll();
      return proxied(world, dice, (f) => (f.refuse = true), dice.between(500, 6_000));
    },
  },
  {
    name: "a network cuts connections after some bytes",
    run: (world, dice) => {
      const [sent, answered] = [dice.between(1_000, 400_000), dice.between(1_000, 400_000)];
      const set = (f: World["toKafka"]["faults"]): void => {
        f.cutAfterSent = sent;
        f.cutAfterAnswered = answered;
      };
      return proxied(world, dice, set, dice.between(1_000, 8_000));
    },
  },
  {
    name: "answers to PUT are lost after the store did the work",
    run: async (world, dice) => {
      const ms = dice.between(1_000, 6_000);
      world.toCeph.faults.loseAnswerTo = "PUT";
      await sleep(ms);
      world.toCeph.heal();
      return `for ${ms} ms`;
    },
  },
  {
    name: "a network is slow",
    run: (world, dice) =>
      proxied(
        world,
        dice,
        (f) => (f.latencyMs = dice.between(50, 600)),
        dice.between(2_000, 8_000),
      ),
  },
];
