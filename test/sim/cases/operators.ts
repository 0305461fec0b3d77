import { plainSink, small } from "../run/base.ts";
import { type Case, produce, stop } from "./case.ts";

const LEDGER = { ...plainSink("files"), form: "ledger" } as const;
const ENCRYPTED = { format: "segment", codec: "none", level: 3, encrypted: true } as const;

/** Commands of operators beside daemons. */
export const OPERATORS: readonly Case[] = [
  [
    "an archive is rewrapped while a sink has a batch without its manifest",
    small(
      [
        produce(100),
        {
          ...{ at: 100, do: "crash", daemon: 0, port: "ceph create manifests", nth: 1 },
          side: "before",
        },
        // No daemon runs until after the rewrap.
        { at: 1_200, do: "commits", p: 0, what: "wipe" },
        { at: 1_300, do: "operate", what: "rewrap", to: [1], crashes: [] },
        produce(15_000),
      ],
      { settings: ENCRYPTED },
    ),
    "it has no manifest",
  ],
  [
    "an archive is rewrapped by a process that dies between two stores",
    small(
      [
        produce(100),
        produce(2_000),
        {
          ...{ at: 4_000, do: "operate", what: "rewrap", to: [1] },
          crashes: [
            { at: "ceph copy data", nth: 1, side: "after" },
            { at: "files remove quarantine", nth: 2, side: "before" },
          ],
        },
        produce(5_000),
        stop(30_000, 500),
      ],
      {
        ...{ settings: ENCRYPTED, quietAt: 31_000 },
        sinks: [plainSink("files"), { ...plainSink("ceph"), about: "metadata" }],
      },
    ),
    "rewrap1#3 says done",
  ],
  [
    "a request of a rewrap arrives after the next has been done",
    small(
      [
        produce(100),
        produce(2_000),
        // The operator's process comes behind the daemons.
        { at: 4_000, do: "operate", what: "rewrap", to: [1], crashes: [] },
        { at: 4_001, do: "delay", daemon: 1, port: "ceph re", ms: 25_000 },
        produce(50_000),
      ],
      {
        ...{ settings: ENCRYPTED, quietAt: 60_000 },
        sinks: [plainSink("files"), { ...plainSink("ceph"), about: "metadata", removes: "any" }],
      },
    ),
    "late ceph replace data",
  ],
  [
    "data expires by a process that dies, and the daemon begins anew",
    small(
      [
        produce(100),
        produce(2_000),
        produce(4_000),
        {
          ...{ at: 20_000, do: "operate", what: "prune", to: [] },
          crashes: [{ at: "files remove data", nth: 2, side: "after" }],
        },
        { at: 27_000, do: "commits", p: 0, what: "rewind" },
        produce(40_000),
        { at: 60_000, do: "operate", what: "prune", to: [], crashes: [] },
      ],
      { retentionMs: 5_000, quietAt: 60_000 },
    ),
    "prune1#2 says done",
  ],
  [
    "data is old enough to go while a sink that lacks it is away",
    small(
      [
        produce(100),
        { at: 3_000, do: "outage", sink: 1, ms: 24_000 },
        ...[3_100, 6_000, 9_000].map((at) => produce(at)),
        {
          ...{ at: 22_000, do: "operate", what: "prune", to: [], crashes: [] },
        },
      ],
      {
        ...{ retentionMs: 4_000, quietAt: 40_000 },
        sinks: [plainSink("files"), { ...plainSink("ceph"), detachMs: 2_000 }],
      },
    ),
    '"attached"',
  ],
  [
    "two operators rewrap at once: one waits for the other",
    small(
      [
        produce(100),
        produce(2_000),
        { at: 4_000, do: "operate", what: "rewrap", to: [1], crashes: [] },
        { at: 4_500, do: "operate", what: "rewrap", to: [0, 1], crashes: [] },
        produce(5_000),
      ],
      { settings: ENCRYPTED },
    ),
    "waiting: another operator command",
  ],
  [
    "an archive is rewrapped by a process that dies, beside a primary that keeps records",
    small(
      [
        produce(100),
        produce(2_000),
        {
          ...{ at: 4_000, do: "operate", what: "rewrap", to: [1] },
          crashes: [{ at: "ceph create data", nth: 2, side: "after" }],
        },
        produce(5_000),
        stop(30_000, 500),
      ],
      {
        ...{ settings: ENCRYPTED, quietAt: 31_000 },
        sinks: [LEDGER, plainSink("ceph"), plainSink("lake")],
      },
    ),
    "rewrap1#2 says done",
  ],
  [
    "an archive is rewrapped beside a primary that keeps records while a sink has a batch without its manifest",
    small(
      [
        produce(100),
        {
          ...{ at: 100, do: "crash", daemon: 0, port: "lake create manifests", nth: 1 },
          side: "before",
        },
        { at: 1_300, do: "operate", what: "rewrap", to: [1], crashes: [] },
        produce(15_000),
      ],
      { settings: ENCRYPTED, sinks: [LEDGER, plainSink("ceph"), plainSink("lake")] },
    ),
    "it has no manifest",
  ],
  [
    "an archive is rewrapped beside a primary that keeps records while a sink lacks a batch: it gets the primary's manifest",
    small(
      [
        produce(100),
        { at: 500, do: "outage", sink: 2, ms: 500 },
        {
          ...{ at: 500, do: "crash", daemon: 0, port: "lake create data", nth: 1 },
          side: "before",
        },
        { at: 1_300, do: "operate", what: "rewrap", to: [1], crashes: [] },
        produce(15_000),
      ],
      { settings: ENCRYPTED, sinks: [LEDGER, plainSink("ceph"), plainSink("lake")] },
    ),
    "it has no manifest",
  ],
  [
    "an archive is rewrapped while a sink of records lacks a batch: it gets what the manifest says",
    small(
      [
        produce(100),
        {
          ...{ at: 100, do: "crash", daemon: 0, port: "ceph create data", nth: 1 },
          side: "before",
        },
        { at: 1_300, do: "operate", what: "rewrap", to: [1], crashes: [] },
        produce(15_000),
      ],
      { settings: ENCRYPTED, sinks: [plainSink("files"), { ...LEDGER, name: "ceph" }] },
    ),
    '"adopted"',
  ],
  [
    "an archive is rewrapped while a sink of records is gone on without: it is filled with what the manifests say",
    small(
      [
        produce(100),
        { at: 1_500, do: "weather", daemon: 0, target: "ceph", ms: 18_000, what: "cut" },
        ...[2_000, 6_000].map((at) => produce(at)),
        { at: 6_500, do: "operate", what: "rewrap", to: [1], crashes: [] },
        produce(20_000),
      ],
      {
        settings: ENCRYPTED,
        sinks: [plainSink("files"), { ...LEDGER, name: "ceph", detachMs: 2_000 }],
      },
    ),
    '"caught-up"',
  ],
  [
    "data expires in sinks of files, and stays in the one that keeps records",
    small(
      [
        ...[100, 2_000, 4_000].map((at) => produce(at)),
        { at: 20_000, do: "operate", what: "prune", to: [], crashes: [] },
        { at: 27_000, do: "commits", p: 0, what: "rewind" },
        produce(40_000),
      ],
      {
        ...{ retentionMs: 5_000, quietAt: 45_000 },
        sinks: [LEDGER, plainSink("ceph"), { ...plainSink("lake"), form: "documents" }],
      },
    ),
    '"branch":0,"from":0,"to":6,"batches":2',
  ],
  [
    "a partition that was paused begins under a new lease while its owner is still reading that the pause is over",
    small(
      [
        { at: 300, do: "produce", p: 1, n: 4, gzip: true },
        { at: 372, do: "produce", p: 0, n: 5, gzip: true },
        { at: 1_699, do: "produce", p: 1, n: 1, gzip: true },
        { at: 3_773, do: "produce", p: 1, n: 5, gzip: false },
        { at: 6_046, do: "operate", what: "rewrap", to: [1, 0], crashes: [] },
        { at: 6_305, do: "stop", daemon: 1, ms: 1_223 },
        { at: 6_599, do: "produce", p: 0, n: 2, gzip: false },
        { at: 6_687, do: "produce", p: 0, n: 1, gzip: false },
        { at: 11_199, do: "weather", daemon: null, target: "*", ms: 2_401, what: "slow" },
      ],
      {
        ...{
          seed: 85_004_499,
          daemons: 2,
          partitions: 2,
          quietAt: 17_000,
          settings: { ...ENCRYPTED, level: 1 },
        },
        ...{ batchBytes: 1_051, ageMs: 2_189, memoryMiB: 2 },
        sinks: [
          {
            ...plainSink("files"),
            about: "metadata",
            greatest: false,
            hashes: true,
            removes: "any",
            concurrency: 1,
          },
          {
            ...plainSink("ceph"),
            about: "metadata",
            greatest: false,
            removes: "any",
            concurrency: 4,
            detachMs: 5_000,
          },
        ],
      },
    ),
    "rewrap1#1 says done",
  ],
];
