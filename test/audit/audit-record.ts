import { createHash } from "node:crypto";

/**
 * The auditor shares nothing with the product: nothing here or beside imports from `src/` or
 * `sinks/`, and files are opened by the `age`, `zstd` and `gzip` programs.
 */
export interface AuditRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: bigint;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer, Buffer | null])[];
}

const NULL = Buffer.from([0xff, 0xff, 0xff, 0xff]);

/**
 * 16 bytes of SHA-256 over every field with its length, so that millions of records fit in memory.
 */
export function fingerprint(record: AuditRecord): string {
  const hash = createHash("sha256");
  const field = (bytes: Buffer | null): void => {
    if (bytes === null) {
      hash.update(NULL);
      return;
    }
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  hash.update(`${record.partition}/${record.offset}/${record.timestamp}/`);
  // Without a timestamp there is no type to speak of; kcat shows none either.
  hash.update(record.timestamp === -1n ? "none" : record.timestampType);
  field(record.key);
  field(record.value);
  for (const [name, value] of record.headers) {
    field(name);
    field(value);
  }
  return hash.digest("base64url").slice(0, 22);
}

/** For messages: short, readable, bounded. */
export function show(record: AuditRecord): string {
  const text = (b: Buffer | null): string =>
    b === null ? "null" : JSON.stringify(b.subarray(0, 40).toString("latin1"));
  const headers = record.headers.map(([k, v]) => `${text(k)}=${text(v)}`).join(",");
  return (
    `${record.partition}/${record.offset} ${record.timestampType} ${record.timestamp} ` +
    `key ${text(record.key)} value ${text(record.value)} headers [${headers}]`
  );
}
