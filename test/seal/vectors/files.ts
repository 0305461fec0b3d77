import { blake3Hex } from "../../../src/core/digest.ts";
import { manifestPath } from "../../../src/core/layout.ts";
import { encodeManifest } from "../../../src/core/manifest.ts";
import { encodeIdentity } from "../../../src/sdk/identity.ts";
import { recordLine } from "../../../src/seal/ndjson.ts";
import { decodeRecords } from "../../../src/record-batch/records.ts";
import { segmentBatches } from "../../../src/record-batch/header.ts";
import { brokenVectors } from "./all.ts";
import { ARCHIVE_ID, CLUSTER_ID, type GoodVector, goodVectors } from "./good.ts";
import { FIRST, SECOND, SEED, SEED_FILE, STRANGER } from "./keys.ts";
import { brokenManifests } from "./manifests.ts";

/** A larger one is its digest in the list. */
const MAX_EXPECTED_BYTES = 16 << 10;

/** One line of `good.json`. */
export interface GoodEntry {
  readonly name: string;
  readonly data: string;
  readonly manifest: string;
  readonly identities: readonly string[];
  /** BLAKE3 of the content. */
  readonly content: string;
  /** BLAKE3 of its records as `ndjson` lines, which stand in `expected/<name>.ndjson` if they are few. */
  readonly lines: string;
}

/** One line of `broken.json`. */
export interface BrokenEntry {
  readonly name: string;
  readonly why: string;
  /** Null: unusual, and every reader has to take it. */
  readonly code: string | null;
  readonly identities: readonly string[];
}

/** One line of `manifests.json`. */
export interface ManifestEntry {
  readonly name: string;
  readonly why: string;
}

/** Every file below test/vectors/sealed, by its path there. Nothing of chance is in them. */
export function vectorFiles(): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const put = (path: string, bytes: string | Uint8Array): void => {
    if (files.has(path)) throw new Error(`${path} is made twice`);
    files.set(path, Buffer.from(bytes as string));
  };
  for (const key of [FIRST, SECOND, STRANGER]) {
    put(key.file, `# public key: ${key.recipient}\n${key.identity}\n`);
  }
  put(SEED_FILE, `${SEED.keyId}:${SEED.secret.toString("hex")}\n`);
  const good = goodVectors();
  put(
    "archive/archive.json",
    encodeIdentity({
      version: 1,
      archiveId: ARCHIVE_ID,
      clusterId: CLUSTER_ID,
      primary: "files",
      layout: 1,
      group: "vectors",
    }),
  );
  put("good.json", listing(good.map((v) => putGood(v, put))));
  const broken = brokenVectors(good);
  for (const v of broken) {
    put(`broken/${v.name}.bin`, v.bytes);
    put(`broken/${v.name}.json`, encodeManifest(v.manifest));
  }
  const entries = broken.map(({ name, why, code, keys }): BrokenEntry => {
    return { name, why, code, identities: keys.map((k) => k.file) };
  });
  put("broken.json", listing(entries));
  const manifests = brokenManifests();
  for (const { name, text } of manifests) put(`manifests/${name}.json`, text);
  put("manifests.json", listing(manifests.map(({ name, why }): ManifestEntry => ({ name, why }))));
  return files;
}

function putGood(
  v: GoodVector,
  put: (path: string, bytes: string | Uint8Array) => void,
): GoodEntry {
  const data = `archive/${v.manifest.seal.path}`;
  const manifest = `archive/${manifestPath(v.manifest)}`;
  put(data, v.bytes);
  put(manifest, encodeManifest(v.manifest));
  const lines = linesOf(v);
  if (lines.length <= MAX_EXPECTED_BYTES) put(`expected/${v.name}.ndjson`, lines);
  const content = v.manifest.format === "segment" ? v.raw : Buffer.from(lines);
  return {
    name: v.name,
    data,
    manifest,
    identities: v.keys.map((k) => k.file),
    content: blake3Hex(content),
    lines: blake3Hex(Buffer.from(lines)),
  };
}

const linesOf = (v: GoodVector): string =>
  [...segmentBatches(v.raw)]
    .flatMap((b) => decodeRecords(b.bytes))
    .map((r) => recordLine(v.manifest, r))
    .join("");

/** JSON with one entry a line. */
const listing = (entries: readonly object[]): string =>
  `[\n${entries.map((e) => `  ${JSON.stringify(e)}`).join(",\n")}\n]\n`;

/** zlib has other code for other processors, and other bytes; what it holds is in the other files. */
export const varies = (path: string, good: readonly GoodEntry[]): boolean =>
  path.includes("gzip") ||
  good.some((g) => g.name.includes("gzip") && (g.data === path || g.manifest === path));
