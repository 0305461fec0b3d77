import { plainSink, small } from "../run/base.ts";
import type { Happening, Scenario } from "../world/settings.ts";
import { type Case, produce } from "./case.ts";

const rewrap = (at: number, to: readonly number[]): Happening => ({
  ...{ at, do: "operate", what: "rewrap", to, crashes: [] },
});
const restore = (sink: number, whole: boolean): Happening => ({
  ...{ at: 15_000, do: "restore", sink, back: 0.5, whole },
});
const ENCRYPTED: Partial<Scenario> = {
  settings: { format: "segment", codec: "none", level: 3, encrypted: true },
  sinks: [plainSink("files"), plainSink("ceph"), plainSink("lake")],
  quietAt: 60_000,
};
const three = [100, 2_000, 4_000, 40_000].map((at) => produce(at));

/** Operators' commands where a sink goes back to what it was. */
export const RESTORED_OPERATORS: readonly Case[] = [
  [
    "a primary is restored to what it was before a batch that was rewrapped since",
    small([...three, rewrap(6_000, [1]), restore(0, false)], ENCRYPTED),
    '"adopted"',
  ],
  [
    "a primary is restored to what it was before a rewrap, and others are to be recipients",
    small([...three, rewrap(6_000, [1]), restore(0, true), rewrap(45_000, [0, 1])], ENCRYPTED),
    "rewrap2#1 says done",
  ],
  [
    "a primary is restored to what it was before a batch got the recipients back that it had at first",
    small([...three, rewrap(6_000, [1, 0]), rewrap(9_000, [0]), restore(0, false)], ENCRYPTED),
    "rewrap2#1 says done",
  ],
  ...[0, 1].map((sink): Case => [
    `data is old enough to go when sink ${sink}, restored, lacks it as yet`,
    small(
      [
        ...[...three, produce(6_000)],
        { at: 15_000, do: "restore", sink, back: 0.7 },
        { at: 24_000, do: "operate", what: "prune", to: [], crashes: [] },
      ],
      { retentionMs: 5_000, quietAt: 60_000 },
    ),
    "prune1#1 says done",
  ]),
];
