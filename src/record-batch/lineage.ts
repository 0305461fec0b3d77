import type { ArchivedRecord, RecordHeader } from "../core/record.ts";
import { HeaderSuffix } from "./header-suffix.ts";

/** Where a copied record came from. Written into Kafka behind the record's own headers. */
export interface Lineage {
  readonly clusterId: string;
  readonly topic: string;
  readonly partition: number;
}

const CLUSTER = Buffer.from("bulk-archiver.cluster");
const NAMES = [
  CLUSTER,
  ...["bulk-archiver.topic", "bulk-archiver.partition", "bulk-archiver.offset"].map((n) =>
    Buffer.from(n),
  ),
];

type Headed = Pick<ArchivedRecord, "headers">;

/** Headers for records of one source partition: their own, and behind them where they come from. */
export function lineageOf(from: Lineage): (record: ArchivedRecord) => readonly RecordHeader[] {
  const values = [from.clusterId, from.topic, String(from.partition)];
  const shared = values.map((v, i) => ({ key: NAMES[i] ?? CLUSTER, value: Buffer.from(v) }));
  const key = NAMES[NAMES.length - 1] ?? CLUSTER;
  return ({ headers, offset }) => [
    ...headers,
    ...shared,
    { key, value: Buffer.from(offset.toString()) },
  ];
}

/** The record's own headers and its source offset; undefined when the newest lineage is not whole. */
export function ownHeaders({
  headers,
}: Headed): { headers: readonly RecordHeader[]; offset: bigint } | undefined {
  const own = headers.length - NAMES.length;
  const added = headers.slice(Math.max(0, own));
  if (own < 0 || !NAMES.every((name, i) => same(added[i]?.key, name))) return undefined;
  const offset = textOf(added[NAMES.length - 1]?.value);
  if (!/^\d{1,19}$/.test(offset)) return undefined;
  return { headers: headers.slice(0, own), offset: BigInt(offset) };
}

/** Whether a record was in this cluster before: a copy of it there would go round for ever. */
export const wasIn = ({ headers }: Headed, clusterId: string): boolean =>
  headers.some((h) => same(h.key, CLUSTER) && textOf(h.value) === clusterId);

const same = (bytes: Uint8Array | undefined, name: Buffer): boolean =>
  bytes?.length === name.length && name.equals(bytes);

const textOf = (bytes: Uint8Array | null | undefined): string =>
  bytes == null
    ? ""
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");

const TOPIC_ID = Buffer.from("bulk-archiver.topic-id");
const BATCH = Buffer.from("bulk-archiver.batch");

/**
 * What a restored record says of where it came from, as bytes behind its own headers: the topic's id and the
 * batch, and then what `lineageOf` says.
 */
export function restoredFrom(
  from: Lineage & { readonly topicId: string; readonly batchId: string },
): HeaderSuffix {
  const values = [from.clusterId, from.topic, String(from.partition)];
  const shared = [
    { key: TOPIC_ID, value: Buffer.from(from.topicId) },
    { key: BATCH, value: Buffer.from(from.batchId) },
    ...values.map((v, i) => ({ key: NAMES[i] ?? CLUSTER, value: Buffer.from(v) })),
  ];
  return new HeaderSuffix(shared, NAMES[NAMES.length - 1] ?? CLUSTER);
}
