import { plainSink, small } from "../run/base.ts";
import type { Happening, Scenario, SinkSettings } from "../world/settings.ts";
import { type Case, produce, stop } from "./case.ts";

type Damaging = Extract<Happening, { do: "damage" }>;
type Operating = Extract<Happening, { do: "operate" }>;

const damage = (at: number, sink: number, what: Damaging["what"]): Happening => ({
  ...{ at, do: "damage", sink, what, share: 1 },
});
const operate = (
  at: number,
  how: Pick<Operating, "what" | "between">,
  crashes: Operating["crashes"] = [],
): Happening => ({ at, do: "operate", to: [], crashes, ...how });
const documents: SinkSettings = { ...plainSink("ceph"), form: "documents" };
const ledger: SinkSettings = { ...plainSink("files"), form: "ledger" };
const later = (happenings: readonly Happening[], change: Partial<Scenario>): Scenario =>
  small(
    [
      ...[100, 2_000, 4_000, 6_000, 8_000].map((at) => produce(at)),
      ...[...happenings, produce(14_000), stop(40_000, 500), produce(41_000)],
    ],
    { quietAt: 42_000, ...change },
  );

/** Repairs beside sinks of records, of two groups and of rewrapped archives, and what sinks of records read wrong. */
export const REPAIRS_BESIDE: readonly Case[] = [
  [
    "what somebody removed from a sink of documents is copied there by a process that dies",
    later(
      [
        damage(12_000, 1, "lose"),
        operate(13_000, { what: "reconcile", between: [0, 1] }, [
          { at: "ceph create documents", nth: 1, side: "after" },
          { at: "ceph create data", nth: 1, side: "after" },
        ]),
      ],
      { sinks: [plainSink("files"), documents] },
    ),
    "reconcile1#3 says done",
  ],
  [
    "the only file of a batch is made again beside a ledger that decides",
    later(
      [
        damage(12_000, 1, "flip"),
        operate(13_000, { what: "replay" }, [
          { at: "ceph move manifests", nth: 1, side: "after" },
          { at: "ceph create data", nth: 1, side: "before" },
        ]),
      ],
      { sinks: [ledger, plainSink("ceph")] },
    ),
    "replay1#3 says done",
  ],
  [
    "files that are damaged are replaced while another group archives there",
    later(
      [
        damage(12_000, 0, "flip"),
        operate(13_000, { what: "reconcile", between: [1, 0] }, [
          { at: "files move data", nth: 1, side: "after" },
        ]),
      ],
      { daemons: 2, secondGroup: true },
    ),
    "reconcile1#2 says done",
  ],
  [
    "a sink of records that decides answers wrong for a while: what stopped is started again, and nothing wrong lasts",
    later([{ at: 5_000, do: "trouble", sink: 0, ms: 10_000, what: "misreads" }], {
      sinks: [ledger, plainSink("ceph")],
    }),
    "stopped: ",
  ],
  [
    "files that are damaged are replaced from a sink in which they were rewrapped since",
    later(
      [
        { at: 11_000, do: "operate", what: "rewrap", to: [1], crashes: [] },
        damage(22_000, 0, "flip"),
        operate(23_000, { what: "reconcile", between: [1, 0] }, [
          { at: "files move data", nth: 1, side: "after" },
        ]),
      ],
      { settings: { format: "segment", codec: "none", level: 3, encrypted: true } },
    ),
    "reconcile2#2 says done",
  ],
  [
    "an archive is rewrapped while files of one sink are damaged: the others are, and it is repaired from one of them",
    later(
      [
        damage(12_000, 0, "flip"),
        { at: 13_000, do: "operate", what: "rewrap", to: [1], crashes: [] },
        operate(20_000, { what: "reconcile", between: [1, 0] }),
      ],
      { settings: { format: "segment", codec: "none", level: 3, encrypted: true } },
    ),
    "is neither a file from before the amendment",
  ],
  [
    "a rewrap dies before it comes to a sink, and that has the manifests that another one loses",
    later(
      [
        {
          ...{ at: 12_000, do: "operate", what: "rewrap", to: [1] },
          crashes: [{ at: "create manifests", nth: 4, side: "after" }],
        },
        { at: 16300, do: "damage", sink: 0, what: "lose-manifest", share: 1 },
        operate(16400, { what: "reconcile", between: [1, 0] }),
      ],
      { settings: { format: "segment", codec: "none", level: 3, encrypted: true } },
    ),
    "reconcile2#1 says done",
  ],
  [
    "what the first sink has lost is rewrapped in the others, and said",
    later(
      [
        {
          ...{ at: 12_000, do: "operate", what: "rewrap", to: [1] },
          crashes: [{ at: "create manifests", nth: 4, side: "after" }],
        },
        { at: 16300, do: "damage", sink: 0, what: "lose-manifest", share: 1 },
        operate(34_000, { what: "reconcile", between: [1, 0] }),
      ],
      { settings: { format: "segment", codec: "none", level: 3, encrypted: true } },
    ),
    "rewrap1#2 says refused 3",
  ],
  [
    "what a sink of records lost of an archive that was rewrapped is copied there",
    later(
      [
        { at: 12_000, do: "operate", what: "rewrap", to: [1, 0], crashes: [] },
        damage(20_000, 1, "lose"),
        operate(21_000, { what: "reconcile", between: [0, 1] }),
      ],
      {
        settings: { format: "segment", codec: "none", level: 3, encrypted: true },
        sinks: [plainSink("files"), documents],
      },
    ),
    "reconcile2#1 says done",
  ],
  [
    "what says which archive it is is misread, and is written into no other sink",
    small(
      [
        { at: 0, do: "outage", sink: 1, ms: 17_688 },
        { at: 4_828, do: "operate", what: "prune", to: [], crashes: [] },
        { at: 9_793, do: "trouble", sink: 0, ms: 10_000, what: "misreads" },
        produce(20_500, 4),
      ],
      {
        ...{ seed: 77_120_423, quietAt: 21_000, retentionMs: 6_964 },
        sinks: [{ ...plainSink("files"), form: "ledger" }, plainSink("ceph")],
      },
    ),
    "prune1",
  ],
];
