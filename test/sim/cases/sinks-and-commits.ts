import { plainSink, small } from "../run/base.ts";
import { type Case, produce, stop } from "./case.ts";

/** The trace of a commit that says what was committed before. */
const AGAIN = '"why":"again"';

export const SINKS_AND_COMMITS: readonly Case[] = [
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
    "another cut of a batch takes its name between the look and the create",
    small(
      [
        produce(100),
        { at: 23_000, do: "delay", daemon: 0, port: "files create data", ms: 38_564 },
        { at: 29_600, do: "commits", p: 0, what: "wipe" },
        produce(33_000, 2),
        produce(100_000, 2),
      ],
      { quietAt: 101_000, ageMs: 25_000 },
    ),
    '"adopted"',
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
