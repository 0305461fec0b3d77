import type { Happening, Scenario, SinkSettings } from "../world/settings.ts";

export const plainSink = (name: string): SinkSettings => ({
  name,
  form: "files",
  ...{ about: "side", createOnly: "atomic", startingWith: false, greatest: true, hashes: false },
  removes: "seen",
  detachMs: null,
  concurrency: 8,
  bytesPerSecond: null,
});

/** A small run in which nothing happens but what is given; for cases that have a name. */
export const small = (
  happenings: readonly Happening[],
  change: Partial<Scenario> = {},
): Scenario => ({
  ...{ seed: 1, partitions: 1, daemons: 1, staticIds: false, secondGroup: false },
  sinks: [plainSink("files"), plainSink("ceph")],
  settings: { format: "segment", codec: "none", level: 3, encrypted: false },
  ...{ retentionMs: null, batchBytes: 600, ageMs: 500, memoryMiB: 4, quietAt: 30_000 },
  happenings: [...happenings].sort((a, b) => a.at - b.at),
  ...change,
});
