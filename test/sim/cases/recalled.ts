import { plainSink, small } from "../run/base.ts";
import type { Happening, Scenario } from "../world/settings.ts";
import { type Case, produce } from "./case.ts";

const sinks = [plainSink("files"), { ...plainSink("ceph"), detachMs: 2_000 }];
const LATER: Partial<Scenario> = { sinks, quietAt: 50_000 };

/** A primary goes back to what it was, and the sink that may be away is away for longer than that. */
const lost = (back: number, ...meanwhile: readonly Happening[]): readonly Happening[] => [
  ...[100, 700, 3_000, 20_000, 45_000].map((at) => produce(at)),
  ...meanwhile,
  { at: 6_000, do: "outage", sink: 1, ms: 30_000 },
  { at: 6_500, do: "restore", sink: 0, back },
];
const RETAINED: Happening = { at: 5_500, do: "retain", p: 0 };
const WAITS = '"recalled","sink":"ceph"';

/** The primary lacks what was committed while a sink that may have it is away. */
export const RECALLED: readonly Case[] = [
  [
    "a primary is restored while the only other sink that has what it lost is away",
    small(lost(0.7, RETAINED), LATER),
    WAITS,
  ],
  [
    "a primary loses everything while the other sink is away",
    small(lost(1, RETAINED), LATER),
    WAITS,
  ],
  [
    "Kafka has other records than a restored primary had, and a sink that is away",
    small(lost(0.7, { at: 5_500, do: "compact", p: 0, share: 0.5 }), LATER),
    WAITS,
  ],
  [
    "a primary is restored while a sink is away that never had what it lost",
    small(
      [
        ...[100, 700, 3_000, 6_000, 20_000].map((at) => produce(at)),
        { at: 2_500, do: "outage", sink: 1, ms: 34_000 },
        { at: 10_500, do: "restore", sink: 0, back: 0.7 },
        produce(45_000),
      ],
      LATER,
    ),
    WAITS,
  ],
  [
    "the mark of a sink that was recalled and filled goes, though nothing else is left to commit",
    small(
      [
        ...[100, 3_000, 8_000].map((at) => produce(at)),
        { at: 2_500, do: "outage", sink: 1, ms: 15_000 },
        { at: 16_500, do: "restore", sink: 0, back: 0.9 },
      ],
      { sinks, quietAt: 18_000 },
    ),
    '"why":"again"',
  ],
  [
    "a primary is restored while one of three sinks is away, and the third has everything",
    small(lost(0.7, RETAINED), { ...LATER, sinks: [...sinks, plainSink("lake")] }),
    '"attached","sink":"ceph"',
  ],
  [
    "a batch that no commit knows is made again of other records while a sink that has it is away",
    small(
      [
        produce(5_800),
        { at: 5_800, do: "trouble", sink: 2, ms: 3_000, what: "refuses-user" },
        { at: 8_400, do: "outage", sink: 1, ms: 30_000 },
        { at: 8_500, do: "compact", p: 0, share: 0.2 },
        { at: 8_600, do: "restore", sink: 0, back: 1 },
        produce(20_000),
      ],
      { sinks: [...sinks, plainSink("lake")], stops: ["sink-conflict"], quietAt: 40_000 },
    ),
    "stopped: sink-conflict: sink ceph has a batch",
  ],
  [
    "a rule of the primary's store removes data that a sink lacks, and that sink is emptied",
    small(
      [
        ...[100, 3_100, 6_000, 9_000, 30_000, 60_000].map((at) => produce(at)),
        { at: 2_500, do: "outage", sink: 1, ms: 24_000 },
        { at: 20_000, do: "expire", sink: 0 },
        { at: 35_000, do: "empty", sink: 1 },
      ],
      { sinks, retentionMs: 4_000, quietAt: 70_000 },
    ),
    "Remove what ceph has of logs/0",
  ],
];
