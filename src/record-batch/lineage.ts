import type { ArchivedRecord, RecordHeader } from "../core/record.ts";

/** Where a copied record came from. Written into Kafka behind the record's own headers. */
export interface Lineage {
  readonly clusterId: string;
  readonly topic: string;
  readonly partition: number;
}

const CLUSTER = "bulk-archiver.cluster";
const NAMES = [CLUSTER, "bulk-archiver.topic", "bulk-archiver.partition", "bulk-archiver.offset"];

type Headed = Pick<ArchivedRecord, "headers">;

export const withLineage = (
  record: ArchivedRecord,
  { clusterId, topic, partition }: Lineage,
): readonly RecordHeader[] => {
  const values = [clusterId, topic, String(partition), record.offset.toString()];
  const added = NAMES.map((name, i) => ({
    key: Buffer.from(name),
    value: Buffer.from(values[i] ?? ""),
  }));
  return [...record.headers, ...added];
};

/** The record's own headers and its source offset; undefined when the newest lineage is not whole. */
export function ownHeaders({
  headers,
}: Headed): { headers: readonly RecordHeader[]; offset: bigint } | undefined {
  const own = headers.length - NAMES.length;
  const added = headers.slice(Math.max(0, own));
  if (own < 0 || !NAMES.every((name, i) => textOf(added[i]?.key) === name)) return undefined;
  const offset = textOf(added[NAMES.length - 1]?.value);
  if (!/^\d{1,19}$/.test(offset)) return undefined;
  return { headers: headers.slice(0, own), offset: BigInt(offset) };
}

/** Whether a record was in this cluster before: a copy of it there would go round for ever. */
export const wasIn = ({ headers }: Headed, clusterId: string): boolean =>
  headers.some((h) => textOf(h.key) === CLUSTER && textOf(h.value) === clusterId);

const textOf = (bytes: Uint8Array | null | undefined): string =>
  bytes == null
    ? ""
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
