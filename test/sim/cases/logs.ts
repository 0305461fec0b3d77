import { plainSink, small } from "../run/base.ts";
import { type Case, produce, stop } from "./case.ts";

/** Logs that are cut short, and topics that are made again. */
export const LOGS: readonly Case[] = [
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
    "the log is cut short below its end, and grows to the same end while a partition waits for its turn",
    small([produce(3_000, 4), { at: 6_000, do: "truncate", p: 0, back: 3 }, produce(7_000, 4)], {
      partitions: 2,
      memoryMiB: 2,
    }),
    "branch 1 goes on from offset 0",
  ],
  [
    "the log is cut short and grows to the same end while no daemon is there, and the next waits for its turn",
    small(
      [
        produce(3_000, 4),
        stop(5_000, 4_000),
        { at: 6_000, do: "truncate", p: 0, back: 3 },
        produce(7_000, 4),
      ],
      { partitions: 2, memoryMiB: 2 },
    ),
    "branch 1 goes on from offset 0",
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
    "the coordinator refuses for now what a partition needs to begin again in its branch",
    small(
      [
        produce(200, 1),
        produce(450, 1),
        { at: 900, do: "truncate", p: 0, back: 1 },
        { at: 1_150, do: "move-coordinator", loadMs: 400 },
        produce(17_000, 1),
      ],
      { seed: 6_001_205, ageMs: 1_500, quietAt: 18_000 },
    ),
    "the next branch could not be begun",
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
    "the log loses records of a batch that the primary has without its manifest",
    small([
      produce(100),
      { at: 4_900, do: "delay", daemon: 0, port: "files create data", ms: 3_000 },
      produce(5_000),
      { at: 6_500, do: "outage", sink: 0, ms: 6_000 },
      { at: 7_000, do: "truncate", p: 0, back: 1 },
      produce(7_500),
    ]),
    "branch 1 goes on",
  ],
  [
    "the log loses records that are planned, and the owner dies",
    small([
      produce(100),
      {
        ...{ at: 4_900, do: "crash", daemon: 0, port: "files create data", nth: 1 },
        side: "before",
      },
      produce(5_000),
      produce(5_010),
      { at: 6_000, do: "truncate", p: 0, back: 1 },
    ]),
    "up to which batches were planned",
  ],
  [
    "what sinks lack of a topic that is made again is said: one is gone on without, one is waited for",
    small(
      [
        ...[100, 3_000, 5_000, 60_000].map((at) => produce(at)),
        { at: 2_500, do: "outage", sink: 1, ms: 50_000 },
        { at: 4_800, do: "outage", sink: 2, ms: 40_000 },
        { at: 8_000, do: "recreate-topic" },
      ],
      {
        quietAt: 70_000,
        sinks: [plainSink("files"), { ...plainSink("ceph"), detachMs: 2_000 }, plainSink("lake")],
      },
    ),
    "`reconcile --source files --target ceph` brings; sink lake lacks what came from offset 6 on",
  ],
  [
    "a leader moves, and who looked for it got no answer: it is fetched from when the topics are looked at",
    small(
      [
        produce(218, 2),
        { at: 1_782, do: "elect", p: 0 },
        produce(7_528, 5),
        produce(10_302),
        { at: 13_891, do: "freeze", daemon: 0, ms: 9_631 },
        produce(18_292),
        { at: 20_206, do: "weather", daemon: null, target: "*", ms: 435, what: "lost-answers" },
      ],
      { seed: 92_707, daemons: 3, quietAt: 28_000 },
    ),
    "NOT_LEADER_OR_FOLLOWER",
  ],
  [
    "markers that are read and committed are taken by retention while a batch behind them is begun again",
    small(
      [
        { at: 2_717, do: "transaction", p: 0, n: 1, producer: 2 },
        { at: 2_755, do: "transaction", p: 0, n: 4, producer: 1 },
        { at: 3_825, do: "finish", producer: 1, aborted: false },
        { at: 5_591, do: "finish", producer: 2, aborted: false },
        { at: 7_179, do: "retain", p: 0 },
      ],
      {
        ...{ seed: 81_003_871, daemons: 2, secondGroup: true, quietAt: 24_000 },
        ...{ batchBytes: 348, ageMs: 1_101, memoryMiB: 4 },
        settings: { format: "segment", codec: "none", level: 3, encrypted: true },
        sinks: [
          {
            ...plainSink("files"),
            about: "metadata",
            startingWith: false,
            greatest: false,
            hashes: true,
            removes: "any",
            concurrency: 1,
          },
          {
            ...plainSink("ceph"),
            about: "metadata",
            startingWith: true,
            removes: "any",
            concurrency: 4,
          },
        ],
      },
    ),
    "fetch of logs/0 at 5: Kafka answered OFFSET_OUT_OF_RANGE",
  ],
  [
    "a plan reaches beyond markers that were committed, and the log that grows anew has record batches across their end",
    small(
      [
        { at: 104, do: "produce", p: 0, n: 2, gzip: false },
        { at: 168, do: "transaction", p: 0, n: 4, producer: 2 },
        { at: 473, do: "transaction", p: 0, n: 5, producer: 3 },
        { at: 563, do: "stop", daemon: 1, ms: 6_765 },
        { at: 2_865, do: "finish", producer: 2, aborted: true },
        { at: 3_490, do: "outage", sink: 0, ms: 10_120 },
        { at: 3_901, do: "finish", producer: 3, aborted: false },
        { at: 5_260, do: "truncate", p: 0, back: 11 },
        { at: 5_891, do: "transaction", p: 0, n: 3, producer: 2 },
        { at: 6_407, do: "transaction", p: 0, n: 4, producer: 2 },
        { at: 9_848, do: "finish", producer: 2, aborted: false },
        { at: 14_979, do: "freeze", daemon: 0, ms: 8_030 },
        { at: 16_383, do: "produce", p: 0, n: 5, gzip: true },
      ],
      {
        ...{ seed: 83_001_175, daemons: 2, quietAt: 24_000 },
        ...{ batchBytes: 599, ageMs: 1_245, memoryMiB: 8 },
        sinks: [
          { ...plainSink("files"), startingWith: true, removes: "any" },
          { ...plainSink("ceph"), about: "metadata", removes: "any", concurrency: 2 },
        ],
      },
    ),
    "sealed 2..15",
  ],
];
