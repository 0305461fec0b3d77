import type { Codec, Format } from "./description.ts";
import type { BatchKey, Scope } from "./scope.ts";

/** Paths of design §4, relative to a sink's prefix. Pure functions, so that two cuts of one start collide. */
const FAN_OUT = 1_000_000_000n;

/** Decimal, 20 digits, so that paths sort by offset. */
export const offsetName = (offset: bigint): string => offset.toString().padStart(20, "0");

const scopePath = (s: Scope): string => `${s.topic}/${s.topicId}/${s.partition}/${s.branch}`;

export const manifestFolder = (s: Scope): string => `manifests/${scopePath(s)}`;
export const dataFolder = (s: Scope): string => `data/${scopePath(s)}`;

/** Folders below a scope hold at most 10^9 offsets each, because file systems have limits. */
export const fanOut = (start: bigint): string => (start / FAN_OUT).toString().padStart(11, "0");

export const manifestPath = (k: BatchKey): string =>
  `${manifestFolder(k)}/${fanOut(k.start)}/${offsetName(k.start)}.json`;

/** A correction beside the manifest (`rewrap`), numbered from 1. */
export const amendmentPath = (k: BatchKey, number: number): string =>
  `${manifestFolder(k)}/${fanOut(k.start)}/${offsetName(k.start)}.amend-${number}.json`;

/** From the configuration alone, never from a batch's content (docs/decisions/0002). */
export interface DataKind {
  readonly format: Format;
  readonly codec: Codec;
  readonly encrypted: boolean;
}

const CODEC_SUFFIX: Record<Codec, string> = { none: "", zstd: ".zst", gzip: ".gz" };

const dataSuffix = (kind: DataKind): string =>
  `${kind.format === "segment" ? ".log" : ".ndjson"}${CODEC_SUFFIX[kind.codec]}${kind.encrypted ? ".age" : ""}`;

export const dataPath = (k: BatchKey, kind: DataKind): string =>
  `${dataFolder(k)}/${fanOut(k.start)}/${offsetName(k.start)}${dataSuffix(kind)}`;

/** Every name that data of this key can have: another configuration may have made it. */
export const dataPaths = (k: BatchKey): readonly string[] =>
  (["segment", "ndjson"] as const).flatMap((format) =>
    (["zstd", "none", "gzip"] as const).flatMap((codec) =>
      [true, false].map((encrypted) => dataPath(k, { format, codec, encrypted })),
    ),
  );
