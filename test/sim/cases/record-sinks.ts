import { plainSink, small } from "../run/base.ts";
import type { Happening, Scenario, SinkSettings } from "../world/settings.ts";
import { type Case, produce, stop } from "./case.ts";

const ledger = (name: string): SinkSettings => ({ ...plainSink(name), form: "ledger" });

const lines = (codec: "gzip" | "zstd"): Scenario["settings"] => ({
  ...{ format: "ndjson", codec, level: 1, encrypted: false },
});
const OTHER = { ndjson: "segment", segment: "ndjson" } as const;
const LATER = { sinks: [ledger("files"), plainSink("ceph")], quietAt: 50_000 };
const RETAINED: Happening = { at: 5_500, do: "retain", p: 0 };
const COMPACTED: Happening = { at: 5_500, do: "compact", p: 0, share: 0.5 };

/** The sink of files goes back to what it was, and Kafka no longer has what it lacks. */
const lost = (taken: Happening): readonly Happening[] => [
  ...[100, 700, 3_000, 20_000, 45_000].map((at) => produce(at)),
  taken,
  { at: 6_500, do: "restore", sink: 1, back: 0.7 },
];

/** Sinks that keep records and no files. */
export const RECORD_SINKS: readonly Case[] = [
  ...(["ndjson", "segment"] as const).map((format): Case => [
    `a batch is in the sink of records only, and the configuration has changed (${format})`,
    small(
      [
        produce(100),
        {
          ...{ at: 400, do: "crash", daemon: 0, port: "ceph describe data", nth: 1 },
          side: "before",
        },
        { at: 1_000, do: "commits", p: 0, what: "foreign" },
        {
          ...{ at: 1_100, do: "upgrade" },
          to: { format: OTHER[format], codec: "none", level: 1, encrypted: false },
        },
        produce(20_000),
      ],
      {
        sinks: [ledger("files"), plainSink("ceph")],
        settings: { format, codec: "zstd", level: 2, encrypted: false },
      },
    ),
    "ceph create data",
  ]),
  ...[RETAINED, COMPACTED].map((taken): Case => [
    `a file of lines is made from the records of the only sink that has them (${taken.do})`,
    small([...lost(taken), { at: 6_400, do: "upgrade", to: { ...lines("gzip"), level: 6 } }], {
      ...LATER,
      settings: lines("gzip"),
    }),
    '"adopted"',
  ]),
  [
    "a file of lines of the primary is made from the records of another sink",
    small(
      [
        ...lost(RETAINED).filter((h) => h.do !== "restore"),
        { at: 6_500, do: "restore", sink: 0, back: 0.7 },
      ],
      { ...LATER, sinks: [plainSink("files"), ledger("ceph")], settings: lines("zstd") },
    ),
    '"adopted"',
  ],
  [
    "only a sink of records has a batch that Kafka no longer has, and its file is put back from a copy",
    small([...lost(RETAINED), { at: 40_000, do: "put-back", sink: 1 }], {
      ...LATER,
      quietAt: 60_000,
    }),
    "put the file back",
  ],
  [
    "two encrypted batches are planned and only a sink of records has them when the owner dies",
    small(
      [
        ...[100, 2_000, 3_200].map((at) => produce(at)),
        { at: 1_900, do: "outage", sink: 1, ms: 12_000 },
        stop(5_000, 500),
      ],
      {
        sinks: LATER.sinks,
        settings: { format: "segment", codec: "none", level: 3, encrypted: true },
      },
    ),
    '"adopted"',
  ],
];
