import type { Manifest } from "../core/description.ts";

/** What Kafka alone says of the group: every process can show all of it. */
export interface GroupReport {
  readonly group: string;
  readonly members: readonly GroupMemberReport[];
  readonly partitions: readonly GroupPartitionReport[];
  /** By topic, milliseconds; a topic that keeps everything is not in it. */
  readonly retentionMs: ReadonlyMap<string, number>;
}

export interface GroupMemberReport {
  /** Instance id, else what it said of itself in its join. */
  readonly name: string;
  readonly host: string;
  readonly self: boolean;
}

export interface GroupPartitionReport {
  readonly topic: string;
  readonly partition: number;
  /** Name of a member; null: nobody has it now. */
  readonly owner: string | null;
  readonly committed: bigint | null;
  readonly end: bigint | null;
  /** As committed: what is being delivered. */
  readonly plans: readonly { readonly start: bigint; readonly end: bigint }[];
  /** Names of sinks that the group went on without, as committed. */
  readonly lacks: readonly string[];
  /** Of the first record that is planned and not committed; milliseconds since the epoch. */
  readonly firstTimestampMs: number | null;
}

/** One partition in detail, asked for by a person. Offsets are bigints. */
export interface PartitionReport {
  readonly group: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly branch: number;
  /** Sinks and what they have of the batches under way here; empty for another member's partition. */
  readonly slots: readonly {
    readonly start: bigint;
    readonly end: bigint | null;
    readonly sinks: readonly { readonly name: string; readonly has: "none" | "data" | "whole" }[];
  }[];
  /** Committed in Kafka; `raw` is the metadata as it stands there. */
  readonly commit: {
    readonly offset: bigint | null;
    readonly raw: string;
    readonly chain: { readonly offset: bigint; readonly link: string } | null;
    readonly behind: readonly { readonly sink: string; readonly offset: bigint }[];
  };
  /** Where the manifests below were read, and why there are none. */
  readonly source: string;
  readonly trouble: string | null;
  /** Newest first, as the sink holds them. */
  readonly manifests: readonly Manifest[];
  /** The newest one, letter by letter. */
  readonly newest: string | null;
}
