import type { Hole } from "../../core/description.ts";
import type { Scope } from "../../core/scope.ts";

/** The document `verify --json` prints; `docs/schema/verify.schema.json` describes it. */
export interface VerifyReport {
  readonly ok: boolean;
  /** Name and version of the program that looked. */
  readonly tool: string;
  /** RFC 3339, by this machine's clock. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** What was looked at and how closely. */
  readonly scope: VerifyScope;
  readonly totals: VerifyTotals;
  /** Each kind once: whether it was used, and what it showed or what it needs. */
  readonly evidence: readonly Evidence[];
  readonly sinks: readonly SinkReport[];
  readonly across?: AcrossReport;
  readonly againstKafka?: KafkaReport;
}

export interface VerifyScope {
  readonly topic?: string;
  readonly topicId?: string;
  readonly partition?: number;
  readonly branch?: number;
  /** Manifests and listings only: no file was read. */
  readonly quick: boolean;
  readonly deep: boolean;
  /** Percent of the files that were read; 100 without `--sample`, 0 with `--quick`. */
  readonly samplePercent: number;
  /** Chose the files, with the share; `--sample-seed` repeats it. Left out where all were read. */
  readonly sampleSeed?: string;
  /** False when no seed is configured: then no manifest's MAC could be checked. */
  readonly macsChecked: boolean;
}

/** Over all sinks. */
export interface VerifyTotals {
  readonly sinks: number;
  /** Of each sink, added up. */
  readonly partitions: number;
  readonly batches: number;
  readonly records: bigint;
  /** Stored files that were read whole and hashed. */
  readonly filesRead: number;
  readonly bytesRead: number;
  /** Files, or batches of a sink of records, whose every record was looked at. */
  readonly opened: number;
  /** Manifests whose MAC, and whose signature, was right. */
  readonly macs: number;
  readonly signatures: number;
  /** Heads that were found in the chain. */
  readonly heads: number;
  /** Manifests taken from a roll-up and not read: what the sink lists is as if they were the same. */
  readonly fromIndex: number;
  /** Manifests that were read and are as a roll-up has them. */
  readonly inIndex: number;
  readonly expired: number;
  readonly problems: number;
}

export interface Evidence {
  readonly of: "chain" | "index" | "mac" | "signature" | "head" | "sinks" | "kafka";
  readonly used: boolean;
  readonly text: string;
}

export interface SinkReport {
  readonly name: string;
  readonly ok: boolean;
  readonly partitions: readonly PartitionReport[];
  /** Of the sink as a whole, as `archive.json`; left out when there is none. */
  readonly problems?: readonly Problem[];
}

/** Codes are stable: docs/cli.md lists them. */
export interface Problem {
  readonly code: string;
  readonly path?: string;
  /** First offset of the batch concerned. */
  readonly start?: bigint;
  readonly text: string;
}

export interface OffsetRange {
  readonly from: bigint;
  /** Exclusive. */
  readonly to: bigint;
}

export interface PartitionReport {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly branch: number;
  /** Null when there is no batch. */
  readonly firstOffset: bigint | null;
  readonly nextOffset: bigint | null;
  readonly batches: number;
  readonly records: bigint;
  /** Batches at the tip whose manifest is not there yet: in progress. */
  readonly pending: number;
  /** Batches older than the configured retention whose data is gone, as it may be. */
  readonly expired: number;
  /** Offsets this sink lacks at the tip, compared with the sink that has most. */
  readonly behind: bigint;
  /** Neighbours of one reason joined; at most 10,000, then `holesOmitted` counts the rest. */
  readonly holes: readonly Hole[];
  readonly holesOmitted?: number;
  readonly gaps: readonly OffsetRange[];
  readonly overlaps: readonly OffsetRange[];
  /** At most 1,000; `problemsOmitted` counts the rest. */
  readonly problems: readonly Problem[];
  readonly problemsOmitted?: number;
}

export interface AcrossReport {
  readonly ok: boolean;
  readonly sinks: readonly string[];
  /** Batches that were compared between all sinks that have them. */
  readonly batches: number;
  readonly problems: readonly (Problem & { readonly sink: string } & Scope)[];
  readonly problemsOmitted?: number;
}

export interface KafkaReport {
  readonly ok: boolean;
  readonly sink: string;
  /** Records that are in the topic and in the archive. */
  readonly compared: bigint;
  readonly lost: bigint;
  readonly duplicated: bigint;
  readonly different: bigint;
  /** Partitions whose newest committed batch has the link that the group committed with it. */
  readonly heads: number;
  /** Archived, but neither visible in the topic nor explained. */
  readonly unexpected: bigint;
  /** Offsets that hold no record, by what the topic shows there. */
  readonly explained: Readonly<
    Record<"aborted" | "control" | "compacted" | "deadLettered", bigint>
  >;
  /** Archived records the topic no longer has. */
  readonly goneByRetention: bigint;
  readonly goneByCompaction: bigint;
  readonly partitions: readonly KafkaPartitionReport[];
}

export interface KafkaPartitionReport {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly branch: number;
  /** What was compared: [from, to). */
  readonly from: bigint;
  readonly to: bigint;
  /** Committed offsets of the topic after the archive's end. */
  readonly notArchived: bigint;
  readonly note?: string;
  readonly problems: readonly Problem[];
}
