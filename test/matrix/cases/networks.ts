import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../kafka/live-kafka.ts";
import type { FaultProxy, Faults } from "../../servers/fault-proxy.ts";
import type { Dice } from "../../soak/dice.ts";
import type { Bucket } from "../bucket.ts";
import { heal } from "../doors.ts";
import { AUDITED, type Promised } from "../promises.ts";
import type { FaultCase, Stage } from "../stage.ts";
import { onCluster } from "./cluster.ts";

/** Longer than the session time-out of 6 s. */
const OUTAGE_MS = 10_000;
const CAUGHT_UP_MS = 90_000;

/** What a network does to connections from now on; asked anew each second. */
type Disturb = (faults: Faults, dice: Dice) => void;

interface Disturbed {
  readonly name: string;
  readonly done: string;
  readonly disturb: Disturb;
  /** Whether it was seen to do something. */
  readonly hit: (network: FaultProxy) => number;
  readonly ms?: number;
  /** It was read back at once what became of the request: nothing to be said. */
  readonly quiet?: boolean;
  readonly shows?: readonly Promised[];
}

const swallowed = (network: FaultProxy): number => network.swallowed;
const cuts = (network: FaultProxy): number => network.cuts;
const dripped = (network: FaultProxy): number => network.dripped;

async function disturb(s: Stage, network: FaultProxy, d: Disturbed): Promise<void> {
  const before = d.hit(network);
  for (let ms = d.ms ?? OUTAGE_MS; ms > 0; ms -= 1_000) {
    d.disturb(network.faults, s.dice);
    await sleep(1_000);
  }
  const times = d.hit(network) - before;
  s.injected.push(`${d.done} for ${(d.ms ?? OUTAGE_MS) / 1_000} s, ${times} times`);
  s.expect(times > 0, "the network did something");
}

const cutAtRandom: Disturb = (faults, dice) => {
  faults.cutAfterSent = dice.between(20, 20_000);
  faults.cutAfterAnswered = dice.between(20, 60_000);
};

/** OffsetCommit, behind four bytes of length. */
const isCommit = (request: Buffer): boolean => request.length > 6 && request.readInt16BE(4) === 8;

const towardsKafka = (d: Disturbed): FaultCase => ({
  name: d.name,
  shows: d.shows ?? AUDITED,
  run: async (s) => {
    const door = s.door(0);
    s.start(s.config("c.yaml", { bootstrap: door.bootstrap }));
    await s.put(100);
    await s.settled();
    await throughDoor(s, door.networks[0], d);
  },
});

/** Who comes by another door to the same Kafka goes on. */
async function throughDoor(s: Stage, network: FaultProxy | undefined, d: Disturbed): Promise<void> {
  if (network === undefined) throw new Error("there is no such broker behind the door");
  const direct = s.config("direct.yaml");
  s.live.begin(30, 40);
  await s.archivesSome();
  s.start(direct);
  await disturb(s, network, d);
  await s.archivesSome();
  heal(s.door(0));
  await sleep(2_000);
  await s.live.stop();
  await s.settled();
  await s.drained();
  s.said(/membership of the group lost|did not answer|closed|fetch failed|ECONN|unreachable/);
  await s.audited();
  await s.verified(direct);
}

/** The primary is a folder; the other sink lies behind the network. */
const towardsSink = (d: Disturbed): FaultCase => ({
  name: d.name,
  shows: d.shows ?? AUDITED,
  run: async (s) => {
    const bucket = await s.bucket();
    const sinks = { files: "kind: fs, path: ./files", ceph: bucket.sink() };
    const config = s.config("c.yaml", { sinks });
    s.start(config);
    s.live.begin(30, 40);
    await s.archivesSome();
    await disturb(s, bucket.network, d);
    if (d.quiet !== true) await s.says(/sink does not answer as it should/);
    await healedAndAudited(s, bucket, config);
  },
});

async function healedAndAudited(s: Stage, bucket: Bucket, config: string): Promise<void> {
  bucket.network.heal();
  bucket.network.resetAll();
  await s.live.stop();
  await s.settled();
  await s.drained();
  await bucket.brought(s.path("ceph"));
  await s.audited(["files", "ceph"]);
  await s.verified(config);
}

const KAFKA: readonly Disturbed[] = [
  {
    name: "a daemon is cut off from Kafka, while another goes on",
    done: "its connections are silent both ways",
    disturb: (faults) => (faults.silent = true),
    hit: swallowed,
  },
  {
    name: "a daemon's requests reach Kafka, and all answers are lost",
    done: "what Kafka answers it goes nowhere",
    disturb: (faults) => (faults.deaf = true),
    hit: swallowed,
  },
  {
    name: "answers to commits are lost after the group has taken them",
    done: "each connection that carries a commit is cut before its answer",
    disturb: (faults) => (faults.loseAnswerTo = isCommit),
    hit: cuts,
  },
  {
    name: "connections to Kafka are cut after some bytes",
    done: "cut after a random number of bytes, either way",
    disturb: cutAtRandom,
    hit: cuts,
  },
  {
    name: "a daemon's link to Kafka is slow",
    done: "1 KB/s each way",
    disturb: (faults) => (faults.bytesPerSecond = 1_024),
    hit: dripped,
    ms: 15_000,
  },
];

const SINK: readonly Disturbed[] = [
  {
    name: "a daemon is cut off from one sink only",
    done: "the connections to it are silent both ways",
    disturb: (faults) => (faults.silent = true),
    hit: swallowed,
    shows: [...AUDITED, "waits"],
  },
  {
    name: "requests reach a sink, and all answers are lost",
    done: "what the sink answers goes nowhere",
    disturb: (faults) => (faults.deaf = true),
    hit: swallowed,
  },
  {
    name: "answers to PUT are lost after the bucket has the object",
    done: "each connection that carries a PUT is cut before its answer",
    disturb: (faults) => (faults.loseAnswerTo = "PUT"),
    hit: cuts,
    quiet: true,
  },
  {
    name: "connections to a sink are cut after some bytes",
    done: "cut after a random number of bytes, either way",
    disturb: cutAtRandom,
    hit: cuts,
  },
  {
    name: "the link to a sink is slow",
    done: "1 KB/s each way",
    disturb: (faults) => (faults.bytesPerSecond = 1_024),
    hit: dripped,
    ms: 15_000,
  },
];

const DETACHED: FaultCase = {
  name: "a daemon is cut off from a sink that may be away",
  shows: [...AUDITED, "away-holds-nothing-up"],
  run: async (s) => {
    const bucket = await s.bucket();
    const ceph = `${bucket.sink()}, whenAway: { detach: 3s }`;
    const config = s.config("c.yaml", { sinks: { files: "kind: fs, path: ./files", ceph } });
    s.start(config);
    s.live.begin(30, 40);
    await s.archivesSome();
    bucket.network.faults.silent = true;
    await s.says(/goes on without a sink/);
    s.injected.push("its connections are silent until it is detached, and the others go on");
    await s.archivesSome();
    s.expect(bucket.network.swallowed > 0, "the network swallowed something");
    bucket.network.heal();
    bucket.network.resetAll();
    await s.live.stop();
    await until("the sink caught up in each partition", CAUGHT_UP_MS, () => {
      const detached = s.heard(/goes on without a sink/).length;
      return s.heard(/sink caught up/).length === detached;
    });
    s.said(/sink caught up/);
    await healedAndAudited(s, bucket, config);
  },
};

const COORDINATOR = onCluster(
  "a daemon is cut off from its group's coordinator only",
  async (s, c) => {
    const door = s.door(0);
    s.start(s.config("c.yaml", { bootstrap: door.bootstrap }));
    await s.put(300);
    await s.settled();
    const { broker } = await c.coordinator();
    const others = [0, 1, 2].filter((b) => b !== broker);
    for (const partition of [0, 1, 2]) await c.moveTo(s.topic, partition, others);
    await throughDoor(s, door.networks[broker], {
      name: "",
      done: `silent towards broker ${broker + 1}, which coordinates; the other two are reached`,
      disturb: (faults) => (faults.silent = true),
      hit: swallowed,
    });
  },
);

export const NETWORKS: readonly FaultCase[] = [
  ...KAFKA.map(towardsKafka),
  ...SINK.map(towardsSink),
  DETACHED,
  COORDINATOR,
];
