import type { BatchKey } from "./scope.ts";
import type { Signature } from "./signature.ts";

/** Why an offset of a batch's range holds no archived record. */
export type HoleReason =
  | "aborted"
  | "control"
  | "compacted"
  | "filtered"
  | "dead-lettered"
  | "retention"
  | "skipped";

/** Offsets [from, to) that hold no record; `offsets` counts them when not all of the range are. */
export interface Hole {
  readonly from: bigint;
  readonly to: bigint;
  readonly reason: HoleReason;
  readonly offsets?: bigint;
  /** Of `skipped`: why, in the operator's words. */
  readonly text?: string;
}

/** What an operator gives up: offsets below `to` that Kafka cannot give, or gives damaged. */
export interface Skip {
  readonly to: bigint;
  readonly text: string;
}

export type Format = "segment" | "ndjson";
export type Codec = "none" | "zstd" | "gzip";

/** `digest` where the file is in the clear, else `tag`: a keyed digest (docs/format.md). Lower-case hex. */
export type ContentMark =
  | { readonly algorithm: "blake3"; readonly digest: string }
  | { readonly algorithm: "blake3"; readonly tag: string };

/** What the stored file looks like; an amendment (rewrap) can supersede it, the rest never changes. */
export interface SealInfo {
  /** Below the sink's prefix, `/` between parts: `data/…`. The only valid path of the batch. */
  readonly path: string;
  /** Bytes of the stored file. */
  readonly size: number;
  /** BLAKE3 of the stored file, lower-case hex. */
  readonly digest: string;
  readonly digestAlgorithm: "blake3";
  /** Of the whole file; a segment's record batches may carry the producer's codec inside. */
  readonly codec: Codec;
  /** Bytes before compression and encryption. */
  readonly contentSize: number;
  readonly encryption: "none" | "age";
  /** Which line of the seed file; absent without encryption. */
  readonly keyId?: string;
  /** age recipients that can open the file; empty without encryption. */
  readonly recipients: readonly string[];
}

/** Everything known of a batch when its data is published: a pure function of its content and its plan. */
export interface Description extends BatchKey {
  readonly version: 1;
  readonly archiveId: string;
  readonly clusterId: string;
  /** Exclusive; the next batch begins here. */
  readonly end: bigint;
  readonly batchId: string;
  /** 0, or how often the content had to be made anew because Kafka no longer had all of it. */
  readonly revision: number;
  readonly leaderEpoch: number;
  /** records + aborted + control + compacted + filtered + deadLettered = end - start. */
  readonly records: bigint;
  readonly aborted: bigint;
  readonly control: bigint;
  readonly compacted: bigint;
  readonly filtered: bigint;
  readonly deadLettered: bigint;
  /** Ascending, disjoint. */
  readonly holes: readonly Hole[];
  /** Milliseconds since the epoch, from the record batch headers; null when no record has one. */
  readonly minTimestamp: bigint | null;
  readonly maxTimestamp: bigint | null;
  readonly format: Format;
  readonly content: ContentMark;
  /** HMAC under the seed over batch id and content digest: lets a daemon that holds no identity compare. */
  readonly contentCheck?: string;
  /** Over the records in a fixed form (docs/format.md); present when a record sink is configured. */
  readonly recordsDigest?: string;
  readonly seal: SealInfo;
}

/** The description with its place in the chain. Byte-identical in every sink. */
export interface Manifest extends Description {
  /** Lower-case hex; of the batch that ends where this one starts, or the branch's genesis link. */
  readonly prevLink: string;
  readonly link: string;
  /** Ed25519 over the canonical text without this field and `mac`; absent without a signing key. */
  readonly signature?: Signature;
  /** HMAC-SHA-256 under the seed over the canonical text without this field; absent without a seed. */
  readonly mac?: string;
}
