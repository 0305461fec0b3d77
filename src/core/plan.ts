import type { Codec, ContentMark, Format } from "./description.ts";

/** What is to be written, committed to Kafka before the first byte of it goes to a sink. */
export interface Plan {
  readonly clusterId: string;
  readonly topicId: string;
  readonly branch: number;
  readonly leaderEpoch: number;
  readonly start: bigint;
  /** Exclusive. */
  readonly end: bigint;
  readonly records: bigint;
  readonly content: ContentMark;
  readonly format: Format;
  readonly codec: Codec;
  readonly level: number;
  readonly keyId: string | null;
  /** 16 random bytes, hex; null without encryption. */
  readonly salt: string | null;
  readonly firstTimestamp: bigint | null;
  readonly revision: number;
}
