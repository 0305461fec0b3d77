import { plainSink, small } from "../run/base.ts";
import type { Happening, Scenario } from "../world/settings.ts";
import { type Case, produce, stop } from "./case.ts";

type Damaging = Extract<Happening, { do: "damage" }>;
type Operating = Extract<Happening, { do: "operate" }>;

const damage = (at: number, sink: number | null, what: Damaging["what"]): Happening => ({
  ...{ at, do: "damage", sink, what, share: 1 },
});
const reconcile = (
  at: number,
  between: readonly [number, number],
  crashes: Operating["crashes"] = [],
): Happening => ({ at, do: "operate", what: "reconcile", to: [], between, crashes });
const replay = (at: number, crashes: Operating["crashes"] = []): Happening => ({
  ...{ at, do: "operate", what: "replay", to: [], crashes },
});
const five = [100, 2_000, 4_000, 6_000, 8_000].map((at) => produce(at));
const side = { sinks: [plainSink("files"), { ...plainSink("ceph"), about: "metadata" as const }] };
/** Where a request to remove something takes whatever is there when it arrives. */
const any = {
  sinks: ["files", "ceph"].map((name) => ({
    ...plainSink(name),
    ...{ about: "metadata" as const, removes: "any" as const },
  })),
};
const later = (happenings: readonly Happening[], change: Partial<Scenario> = {}): Scenario =>
  small([...five, ...happenings, produce(14_000), stop(40_000, 500), produce(41_000)], {
    ...{ quietAt: 42_000 },
    ...change,
  });

/** `reconcile` and `replay --repair` beside daemons. */
export const REPAIRS: readonly Case[] = [
  [
    "what a sink lost is copied back by a process that dies",
    later([
      damage(12_000, 1, "lose"),
      reconcile(
        13_000,
        [0, 1],
        [
          { at: "ceph create data", nth: 2, side: "after" },
          { at: "ceph create manifests", nth: 1, side: "before" },
        ],
      ),
    ]),
    "reconcile1#3 says done",
  ],
  [
    "files that are damaged in the primary are replaced by a process that dies between two steps",
    later(
      [
        damage(12_000, 0, "flip"),
        reconcile(
          13_000,
          [1, 0],
          [
            { at: "files move manifests", nth: 1, side: "after" },
            { at: "files move data", nth: 1, side: "after" },
            { at: "files create data", nth: 2, side: "after" },
          ],
        ),
      ],
      side,
    ),
    "reconcile1#4 says done",
  ],
  [
    "manifests that are another's are replaced where a move is a copy and a delete",
    later(
      [
        damage(12_000, 1, "swap-manifest"),
        reconcile(13_000, [0, 1], [{ at: "ceph copy data", nth: 1, side: "after" }]),
      ],
      side,
    ),
    "reconcile1#2 says done",
  ],
  [
    "files that are damaged give way in one step by a process that dies before and after it",
    later(
      [
        damage(12_000, 0, "flip"),
        reconcile(
          13_000,
          [1, 0],
          [
            { at: "files create quarantine", nth: 1, side: "after" },
            { at: "files replace data", nth: 1, side: "after" },
            { at: "files replace data", nth: 1, side: "before" },
          ],
        ),
      ],
      any,
    ),
    "reconcile1#4 says done",
  ],
  [
    "manifests that are another's give way in one step",
    later(
      [
        damage(12_000, 1, "swap-manifest"),
        reconcile(13_000, [0, 1], [{ at: "ceph replace manifests", nth: 2, side: "after" }]),
      ],
      any,
    ),
    "reconcile1#2 says done",
  ],
  [
    "a request of a repair arrives after the next has been done",
    later(
      [
        damage(12_000, 1, "flip"),
        reconcile(13_000, [0, 1]),
        // The operator's process comes behind the daemons.
        { at: 13_001, do: "delay", daemon: 1, port: "ceph re", ms: 25_000 },
      ],
      { ...any, quietAt: 60_000 },
    ),
    "late ceph replace data",
  ],
  [
    "what no sink has any more is made again from Kafka by a process that dies",
    later([
      damage(12_000, null, "lose"),
      replay(13_000, [
        { at: "files create data", nth: 1, side: "after" },
        { at: "ceph create data", nth: 1, side: "before" },
      ]),
    ]),
    "replay1#3 says done",
  ],
  [
    "what is damaged in every sink is made again from Kafka",
    later([damage(12_000, null, "flip"), replay(13_000)]),
    "replay1#1 says done",
  ],
  [
    "a pause ends under a repair that is frozen: it does not go on",
    later(
      [
        damage(12_000, 1, "flip"),
        reconcile(13_000, [0, 1]),
        { at: 16_880, do: "freeze", daemon: 1, ms: 75_000 },
      ],
      { quietAt: 100_000 },
    ),
    "is no longer sure",
  ],
  [
    "a pause ends under a repair that is frozen where files give way in one step",
    later(
      [
        damage(12_000, 1, "flip"),
        reconcile(13_000, [0, 1]),
        { at: 16_880, do: "freeze", daemon: 1, ms: 75_000 },
      ],
      { ...any, quietAt: 100_000 },
    ),
    "is no longer sure",
  ],
  [
    "a good file is misread again and again, and stays where it is",
    later([
      { at: 12_500, do: "trouble", sink: 1, ms: 20_000, what: "misreads" },
      ...[13_000, 14_000, 15_000].map((at) => reconcile(at, [0, 1])),
    ]),
    "reads batch",
  ],
  [
    "a good file is misread where files give way in one step",
    later(
      [
        { at: 12_500, do: "trouble", sink: 1, ms: 20_000, what: "misreads" },
        ...[13_000, 14_000, 15_000].map((at) => reconcile(at, [0, 1])),
      ],
      any,
    ),
    "otherwise at every look",
  ],
  [
    "manifests that are misread, and still are some, are copied by nobody",
    later(
      [
        damage(12_000, 1, "lose"),
        { at: 12_500, do: "trouble", sink: 0, ms: 20_000, what: "misreads" },
        reconcile(13_000, [0, 1]),
      ],
      { seed: 1044 },
    ),
    "otherwise at every look",
  ],
  [
    "a replay copies no manifest that is misread",
    later(
      [
        damage(12_000, 1, "lose"),
        { at: 12_500, do: "trouble", sink: 0, ms: 20_000, what: "misreads" },
        replay(13_000),
      ],
      { seed: 1064 },
    ),
    "replay1",
  ],
  [
    "a topic is made again while a sink is away: what it lacks is brought afterwards",
    small(
      [
        produce(100),
        produce(2_000),
        { at: 3_000, do: "outage", sink: 1, ms: 90_000 },
        produce(6_000),
        produce(9_000),
        { at: 14_000, do: "recreate-topic" },
        produce(70_000),
        reconcile(95_000, [0, 1], [{ at: "ceph create manifests", nth: 1, side: "after" }]),
      ],
      {
        ...{ quietAt: 96_000 },
        sinks: [plainSink("files"), { ...plainSink("ceph"), detachMs: 2_000 }],
      },
    ),
    '"copied":2',
  ],
  [
    "a tail of markers that Kafka no longer has is no hole",
    small(
      [
        produce(100),
        produce(2_000),
        { at: 4_000, do: "transaction", p: 0, n: 2, producer: 1 },
        { at: 4_500, do: "finish", producer: 1, aborted: true },
        { at: 40_000, do: "retain", p: 0 },
        replay(41_000),
      ],
      { quietAt: 42_000 },
    ),
    "replay1#1 says done",
  ],
  [
    "a manifest arrives late where its batch was lost meanwhile: a repair brings its data back",
    later([
      { at: 1_500, do: "delay", daemon: 0, port: "ceph create manifests", ms: 26_000 },
      damage(20_000, 1, "lose"),
      reconcile(35_000, [0, 1]),
    ]),
    "late ceph create manifests",
  ],
  [
    "two operators repair one sink at once",
    later([damage(12_000, 1, "flip"), reconcile(13_000, [0, 1]), replay(13_100)]),
    "waiting: another operator command",
  ],
];
