import { gunzipSync } from "node:zlib";
import { Blake3Hasher } from "@napi-rs/blake-hash";
import { decompress } from "zstd-napi";
import type { SimStore } from "../stores/store.ts";
import { decrypted, fileKeyOf } from "./age.ts";

/**
 * Reads an archive as docs/format.md and docs/format-manifest.md describe it, and as nothing in the
 * product does: the checkers' own eyes.
 */
export interface Seen {
  readonly topicId: string;
  readonly partition: number;
  readonly branch: number;
  readonly start: number;
  readonly end: number;
  readonly manifest: ManifestText;
  readonly dataPath: string;
}

export interface ManifestText {
  readonly archiveId: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly branch: number;
  readonly start: number;
  readonly end: number;
  readonly records: number;
  readonly aborted: number;
  readonly control: number;
  readonly compacted: number;
  readonly filtered: number;
  readonly deadLettered: number;
  readonly holes: readonly { from: number; to: number; reason: string; offsets?: number }[];
  readonly format: "segment" | "ndjson";
  readonly content: { readonly algorithm: string; readonly digest?: string; readonly tag?: string };
  readonly seal: {
    readonly path: string;
    readonly size: number;
    readonly digest: string;
    readonly codec: "none" | "gzip" | "zstd";
    readonly encryption: "none" | "age";
    readonly recipients: readonly string[];
  };
  /** Milliseconds since the epoch. */
  readonly maxTimestamp: number | null;
  readonly prevLink: string;
  readonly link: string;
}

export interface SeenRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
}

const PATH = /^(manifests|data)\/([^/]+)\/([^/]+)\/(\d+)\/(\d+)\/\d{11}\/(\d{20})\.([a-z.]+)$/;

export interface Place {
  readonly kind: "manifests" | "data";
  readonly topicId: string;
  readonly partition: number;
  readonly branch: number;
  readonly start: number;
}

/** What a path says; null for what is no part of a batch. */
export function placeOf(path: string): Place | null {
  const m = PATH.exec(path);
  if (m === null) return null;
  const [, kind = "", , topicId = "", partition, branch, start] = m;
  if (kind !== "manifests" && kind !== "data") return null;
  return {
    ...{ kind, topicId, partition: Number(partition), branch: Number(branch) },
    start: Number(start),
  };
}

export const manifestAt = (store: SimStore, path: string): ManifestText => {
  const bytes = store.objects.get(path)?.bytes ?? new Uint8Array();
  return JSON.parse(Buffer.from(bytes).toString("utf8")) as ManifestText;
};

/** Manifests below a folder, without what corrects them. */
export const manifestsIn = (store: SimStore, folder: string): string[] =>
  store.paths(folder).filter((path) => !path.includes(".amend-"));

/** Batches whose manifest is there, by branch and start. */
export function batchesOf(store: SimStore): Seen[] {
  const seen: Seen[] = [];
  for (const path of manifestsIn(store, "manifests")) {
    const place = placeOf(path);
    if (place === null) throw new Error(`${store.name}: ${path} is no manifest's name`);
    const manifest = manifestAt(store, path);
    const { topicId, partition, branch, start } = place;
    const named = { topicId, partition, branch, start };
    seen.push({ ...named, end: manifest.end, manifest, dataPath: dataPathIn(store, manifest) });
  }
  return seen.sort((a, b) => a.partition - b.partition || a.branch - b.branch || a.start - b.start);
}

/** Where a store has the data of a batch: a file as its manifest says, or the entry of a sink of records. */
export const dataPathIn = ({ style }: SimStore, { seal }: ManifestText): string =>
  style.form === "files" ? seal.path : unnamed(seal.path) + ".records";

/** A data path without what says how its file was made. */
export const unnamed = (path: string): string =>
  path.startsWith("data/") ? path.slice(0, path.indexOf(".", path.lastIndexOf("/"))) : path;

/** Documents of the records of a batch, where each is one. */
export function documentsOf(store: SimStore, m: ManifestText): string[] {
  const folder = `documents/${m.topic}/${m.topicId}/${m.partition}/${m.branch}`;
  return store.paths(folder).filter((path) => {
    const offset = Number(path.slice(folder.length + 1));
    return offset >= m.start && offset < m.end;
  });
}

/** What a sink of records has of a batch; bytes of keys and values are in base64. */
export function keptRecords(store: SimStore, s: Seen): SeenRecord[] {
  const entry = textAt(store, s.dataPath) as { records?: readonly SeenRecord[] };
  const found =
    store.style.form === "ledger"
      ? (entry.records ?? [])
      : documentsOf(store, s.manifest).map((path) => textAt(store, path) as SeenRecord);
  const plain = (v: string | null): string | null =>
    v === null ? null : Buffer.from(v, "base64").toString("utf8");
  return found.map(({ offset, key, value }) => ({ offset, key: plain(key), value: plain(value) }));
}

const textAt = (store: SimStore, path: string): unknown =>
  JSON.parse(Buffer.from(store.objects.get(path)?.bytes ?? []).toString("utf8"));

export const hashOf = (bytes: Uint8Array): string => new Blake3Hasher().update(bytes).digest("hex");

/** The content of a stored file; the secrets are tried one after the other. */
export function contentOf(
  m: ManifestText,
  stored: Uint8Array,
  secrets: readonly Uint8Array[],
): Buffer {
  const opens = (secret: Uint8Array): boolean => fileKeyOf(stored, secret) !== null;
  const bytes =
    m.seal.encryption === "none"
      ? Buffer.from(stored)
      : decrypted(stored, secrets.find(opens) ?? Buffer.alloc(32));
  if (m.seal.codec === "none") return bytes;
  if (m.seal.codec === "gzip") return gunzipSync(bytes);
  return Buffer.from(decompress(bytes));
}

export function recordsIn(m: ManifestText, content: Buffer): SeenRecord[] {
  return m.format === "ndjson" ? linesIn(content) : batchesIn(content);
}

function linesIn(content: Buffer): SeenRecord[] {
  const lines = content.toString("utf8").split("\n");
  if (lines.pop() !== "") throw new Error("the last line has no end");
  return lines.map((line) => {
    const { offset, key, value } = JSON.parse(line) as SeenRecord;
    return { offset, key, value };
  });
}

const HEADER = 61;

/** RecordBatch v2 back to back, read with no more than the protocol's own words. */
function batchesIn(content: Buffer): SeenRecord[] {
  const records: SeenRecord[] = [];
  for (let at = 0; at < content.length;) {
    const end = at + 12 + content.readInt32BE(at + 8);
    const base = Number(content.readBigInt64BE(at));
    if (content.readInt8(at + 16) !== 2 || end > content.length) throw new Error("no record batch");
    const codec = content.readInt16BE(at + 21) & 7;
    if ((content.readInt16BE(at + 21) & 0x20) !== 0) throw new Error("a control batch is archived");
    const count = content.readInt32BE(at + 57);
    const section = content.subarray(at + HEADER, end);
    records.push(...sectionIn(codec === 1 ? gunzipSync(section) : section, base, count));
    at = end;
  }
  return records;
}

function sectionIn(b: Buffer, base: number, count: number): SeenRecord[] {
  let at = 0;
  const varint = (): number => {
    let [v, scale] = [0, 1];
    for (;;) {
      const byte = b.readUInt8(at++);
      v += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 128) return v % 2 === 0 ? v / 2 : -(v + 1) / 2;
    }
  };
  const field = (): string | null => {
    const n = varint();
    if (n < 0) return null;
    at += n;
    return b.toString("utf8", at - n, at);
  };
  return Array.from({ length: count }, () => {
    const size = varint();
    const next = at + size;
    at += 1;
    varint();
    const offset = base + varint();
    const record = { offset, key: field(), value: field() };
    at = next;
    return record;
  });
}

/** A link of the chain, from its fields (docs/format-manifest.md). */
export function linkOf(m: ManifestText): string {
  const parts: Buffer[] = [];
  const bytes = (v: Buffer): void => {
    const n = Buffer.alloc(4);
    n.writeUInt32BE(v.length);
    parts.push(n, v);
  };
  const int = (v: number): void => {
    const b = Buffer.alloc(8);
    b.writeBigInt64BE(BigInt(v));
    bytes(b);
  };
  const text = (v: string): void => bytes(Buffer.from(v, "utf8"));
  text("bulk-archiver link 1");
  bytes(Buffer.from(m.prevLink, "hex"));
  text(m.topicId);
  for (const v of [m.partition, m.branch, m.start, m.end]) int(v);
  for (const v of [m.records, m.aborted, m.control, m.compacted, m.filtered, m.deadLettered])
    int(v);
  int(m.holes.length);
  for (const h of m.holes) {
    int(h.from);
    int(h.to);
    text(h.reason);
    int(h.offsets ?? h.to - h.from);
  }
  text(m.content.digest === undefined ? "tag" : "digest");
  text(m.content.algorithm);
  bytes(Buffer.from(m.content.digest ?? m.content.tag ?? "", "hex"));
  return hashOf(Buffer.concat(parts));
}

export function genesisOf(m: ManifestText): string {
  const parts: Buffer[] = [];
  const field = (v: Buffer): void => {
    const n = Buffer.alloc(4);
    n.writeUInt32BE(v.length);
    parts.push(n, v);
  };
  for (const v of ["bulk-archiver genesis 1", m.archiveId, m.topic, m.topicId])
    field(Buffer.from(v, "utf8"));
  for (const v of [m.partition, m.branch]) {
    const b = Buffer.alloc(8);
    b.writeBigInt64BE(BigInt(v));
    field(b);
  }
  return hashOf(Buffer.concat(parts));
}
