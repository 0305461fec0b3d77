/** One record as every reader sees it. Bytes, never strings: what is not UTF-8 must survive. */
export interface ArchivedRecord {
  readonly offset: bigint;
  /** Milliseconds since the epoch; -1 when the record has none. */
  readonly timestamp: bigint;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** In order, duplicates kept; a null value is not an empty one. */
  readonly headers: readonly RecordHeader[];
}

export interface RecordHeader {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}
