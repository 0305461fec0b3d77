import { plainSink, small } from "./run/base.ts";
import type { Happening, Scenario } from "./world/settings.ts";

const produce = (at: number, n = 3): Happening => ({ at, do: "produce", p: 0, n, gzip: false });
const stop = (at: number, ms: number): Happening => ({ at, do: "stop", daemon: 0, ms });

/** The trace of a commit that says what was committed before. */
const AGAIN = '"why":"again"';

/** Each is a fault of the product that the simulation found once. `shows`: what its trace has to have. */
export const CASES: readonly (readonly [name: string, scenario: Scenario, shows?: string])[] = [
  [
    "retention takes markers behind the newest batch",
    small([
      produce(100),
      { at: 3_000, do: "transaction", p: 0, n: 2, producer: 1 },
      { at: 3_500, do: "finish", producer: 1, aborted: true },
      { at: 9_000, do: "retain", p: 0 },
      stop(9_500, 9_000),
      produce(25_000),
    ]),
  ],
  [
    "a primary is restored to before what Kafka still has",
    small([
      produce(100),
      produce(2_000),
      { at: 6_000, do: "retain", p: 0 },
      { at: 7_000, do: "restore", sink: 0, back: 1 },
      produce(25_000),
    ]),
  ],
  [
    "compaction takes everything that a plan names",
    small([
      produce(100),
      produce(5_000),
      { at: 4_900, do: "crash", daemon: 0, port: "create data", nth: 1, side: "before" },
      produce(5_100, 1),
      { at: 5_800, do: "compact", p: 0, share: 1 },
      produce(15_000),
    ]),
  ],
  [
    "compaction takes a batch that a restored primary lost",
    small([
      produce(100),
      produce(2_000),
      { at: 6_000, do: "restore", sink: 0, back: 1 },
      produce(7_000, 2),
      { at: 7_100, do: "compact", p: 0, share: 1 },
      produce(8_000),
    ]),
  ],
  [
    "Kafka goes away while a batch is compared with it",
    small([
      produce(100),
      produce(2_000),
      { at: 6_000, do: "restore", sink: 0, back: 1 },
      {
        ...{ at: 15_500, do: "weather", daemon: null, target: "kafka", ms: 9_000 },
        what: "lost-answers",
      },
    ]),
  ],
  [
    "the log is cut short before anything is archived",
    small([produce(400), { at: 2_000, do: "truncate", p: 0, back: 2 }, produce(6_000)], {
      ageMs: 4_000,
    }),
  ],
  [
    "the log is cut short behind what is archived",
    small(
      [
        produce(400),
        produce(9_000, 4),
        { at: 10_000, do: "truncate", p: 0, back: 2 },
        produce(20_000),
      ],
      { ageMs: 4_000 },
    ),
  ],
  [
    "the log is cut short while a partition waits for its turn",
    small(
      [
        produce(100, 5),
        stop(6_000, 9_000),
        { at: 8_000, do: "truncate", p: 0, back: 3 },
        produce(9_000, 1),
      ],
      { partitions: 2, memoryMiB: 2 },
    ),
  ],
  [
    "the log is cut short while a sink that is waited for is away",
    small([
      produce(400),
      { at: 3_000, do: "outage", sink: 1, ms: 12_000 },
      produce(3_500, 4),
      { at: 6_000, do: "truncate", p: 0, back: 2 },
      produce(20_000),
    ]),
  ],
  [
    "the log is cut short while a sink is gone on without",
    small(
      [
        produce(400),
        { at: 3_000, do: "outage", sink: 1, ms: 12_000 },
        ...[3_500, 6_000].map((at) => produce(at, 4)),
        { at: 9_000, do: "truncate", p: 0, back: 2 },
        produce(20_000),
      ],
      { sinks: [plainSink("files"), { ...plainSink("ceph"), detachMs: 2_000 }] },
    ),
  ],
  [
    "a commit that the coordinator refused for now is sent again behind the one that begins a branch",
    small(
      [
        produce(100, 5),
        produce(1_100, 2),
        { at: 1_200, do: "move-coordinator", loadMs: 1_900 },
        { at: 2_300, do: "truncate", p: 0, back: 9 },
        produce(13_000),
      ],
      { seed: 550, quietAt: 12_000 },
    ),
    "branch 1 goes on from offset 0",
  ],
  [
    "a topic is made again while a batch of the one before is on its way",
    small(
      [
        ...[100, 3_000, 5_000, 60_000].map((at) => produce(at)),
        { at: 3_500, do: "recreate-topic" },
      ],
      { quietAt: 70_000 },
    ),
    "stopped: topic-recreated",
  ],
  [
    "an owner comes along a branch that ended, and a sink lacks the end of it",
    small([
      { at: 1_000, do: "outage", sink: 1, ms: 14_000 },
      produce(1_500, 4),
      { at: 6_000, do: "truncate", p: 0, back: 12 },
      produce(6_100, 2),
      stop(6_700, 500),
    ]),
    "branch 1 goes on from offset 0",
  ],
  [
    "a partition begins anew while its topic is another one, and nobody knows yet",
    small(
      [
        ...[100, 2_500, 7_000, 60_000].map((at) => produce(at)),
        { at: 2_000, do: "outage", sink: 1, ms: 15_000 },
        { at: 5_000, do: "freeze", daemon: 0, ms: 12_000 },
        { at: 6_000, do: "recreate-topic" },
      ],
      { quietAt: 70_000 },
    ),
    "stopped: topic-recreated",
  ],
  [
    "a rebalance comes while a branch begins",
    small(
      [
        produce(400),
        { at: 8_000, do: "trouble", sink: 0, ms: 6_000, what: "refuses-user" },
        { at: 8_100, do: "truncate", p: 0, back: 1 },
        { at: 9_000, do: "stop", daemon: 1, ms: 1_000 },
        produce(40_000),
      ],
      { daemons: 2, quietAt: 60_000 },
    ),
  ],
  [
    "the clock on the wall is stepped forward while a sink fails",
    small(
      [
        produce(100),
        { at: 3_000, do: "outage", sink: 1, ms: 5_000 },
        produce(3_100),
        { at: 5_000, do: "clock", daemon: 0, ms: 86_400_000 },
        produce(9_000),
      ],
      { sinks: [plainSink("files"), { ...plainSink("ceph"), detachMs: 20_000 }] },
    ),
  ],
  [
    "a sink that was filled is marked as behind while nothing else is committed",
    small([produce(100), { at: 3_000, do: "outage", sink: 1, ms: 6_500 }, produce(3_100)], {
      sinks: [plainSink("files"), { ...plainSink("ceph"), detachMs: 2_000 }],
    }),
    AGAIN,
  ],
  [
    "a batch comes late under the name that its configuration gave it, and its plan was wiped",
    small(
      [
        produce(100),
        { at: 23_000, do: "delay", daemon: 0, port: "files create data", ms: 30_000 },
        {
          ...{ at: 29_500, do: "upgrade" },
          to: { format: "segment", codec: "zstd", level: 3, encrypted: false },
        },
        { at: 29_600, do: "commits", p: 0, what: "wipe" },
        produce(100_000, 2),
      ],
      {
        ...{ quietAt: 101_000, ageMs: 25_000 },
        sinks: ["files", "ceph"].map((name) => ({
          ...plainSink(name),
          ...{ about: "metadata", startingWith: true },
        })),
      },
    ),
    "late files create data",
  ],
  [
    "a sink is filled while its partition has nothing but markers to wait for",
    small(
      [
        produce(100),
        { at: 3_000, do: "outage", sink: 1, ms: 12_000 },
        produce(3_100),
        { at: 6_500, do: "transaction", p: 0, n: 2, producer: 1 },
        { at: 7_000, do: "finish", producer: 1, aborted: true },
        stop(12_000, 500),
      ],
      { sinks: [plainSink("files"), { ...plainSink("ceph"), detachMs: 2_000 }] },
    ),
    AGAIN,
  ],
  [
    "a sink is filled while a commit is unanswered, and counts only after it",
    small(
      [
        produce(100),
        { at: 3_000, do: "outage", sink: 1, ms: 6_500 },
        produce(3_100),
        produce(9_000),
        { at: 9_400, do: "move-coordinator", loadMs: 4_500 },
        produce(25_000),
      ],
      { sinks: [plainSink("files"), { ...plainSink("ceph"), detachMs: 2_000 }] },
    ),
    '"attached"',
  ],
  [
    "a sink that comes back is misread when it is claimed",
    small(
      [
        { at: 0, do: "outage", sink: 1, ms: 11_000 },
        produce(100),
        { at: 9_500, do: "trouble", sink: 1, ms: 12_500, what: "garbles" },
        produce(12_000),
      ],
      { seed: 9, sinks: [plainSink("files"), { ...plainSink("ceph"), detachMs: 7_000 }] },
    ),
    "stopped: manifest-invalid: archive.json",
  ],
  [
    "a commit arrives long after its sender gave it up, and nothing comes after it",
    small([
      produce(100),
      { at: 5_000, do: "delay", daemon: 0, port: "OffsetCommit", ms: 25_000 },
      ...[5_100, 7_000, 9_000, 11_000, 20_000].map((at) => produce(at)),
    ]),
    AGAIN,
  ],
];
