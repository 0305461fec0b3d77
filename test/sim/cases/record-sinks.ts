import { plainSink, small } from "../run/base.ts";
import type { SinkSettings } from "../world/settings.ts";
import { type Case, produce } from "./case.ts";

const ledger = (name: string): SinkSettings => ({ ...plainSink(name), form: "ledger" });

/** Sinks that keep records and no files. */
export const RECORD_SINKS: readonly Case[] = [
  [
    "a batch is in the sink of records only, and the configuration has changed",
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
          to: { format: "segment", codec: "none", level: 1, encrypted: false },
        },
        produce(20_000),
      ],
      {
        sinks: [ledger("files"), plainSink("ceph")],
        settings: { format: "ndjson", codec: "zstd", level: 2, encrypted: false },
      },
    ),
    "ceph create data",
  ],
];
