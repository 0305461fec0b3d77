import type { Manifest } from "../core/description.ts";
import type { ProofNote } from "../core/proof-note.ts";

/** What Kafka alone says of the group: every process can show all of it. */
export interface GroupReport {
  readonly group: string;
  readonly members: readonly GroupMemberReport[];
  readonly partitions: readonly GroupPartitionReport[];
  /** By topic: what `verify --tell` left last; topics of which nothing was told are not in it. */
  readonly proofs: ReadonlyMap<string, ProofNote>;
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
  /** Of a partition that stopped here: what each sink holds of the first batch in which they differ. */
  readonly copies: readonly CopyReport[];
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

/** What one sink holds under a batch's name. */
export interface CopyReport {
  readonly sink: string;
  readonly start: bigint;
  /** `unknown`: it did not answer, and `reason` says why. */
  readonly is: "absent" | "data" | "whole" | "damaged" | "unknown";
  readonly end: bigint | null;
  readonly records: bigint | null;
  readonly sizeBytes: number | null;
  /** Of the stored file. */
  readonly digest: string | null;
  readonly reason: string | null;
}
