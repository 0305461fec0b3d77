import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { blake3Hex } from "../../src/core/digest.ts";

/** One batch of a file archive, as it lies there. */
export interface StoredBatch {
  readonly start: bigint;
  readonly partition: number;
  readonly data: string;
  readonly manifest: string;
}

const files = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => join(e.parentPath, e.name));

/** Ascending by partition and start. Manifests only; amendments are none. */
export function batchesOf(archive: string): StoredBatch[] {
  const manifests = files(join(archive, "manifests")).filter((p) => /\/\d{20}\.json$/.test(p));
  return manifests
    .map((manifest) => {
      const { start, partition, seal } = JSON.parse(readFileSync(manifest, "utf8")) as {
        start: number;
        partition: number;
        seal: { path: string };
      };
      return { start: BigInt(start), partition, data: join(archive, seal.path), manifest };
    })
    .sort((a, b) => a.partition - b.partition || Number(a.start - b.start));
}

/** Every file below data/ and manifests/, by its path there, as a digest: what two archives must have the same of. */
export function contentOf(archive: string): Map<string, string> {
  const roots = ["data", "manifests"].map((f) => join(archive, f));
  return new Map(
    roots
      .flatMap(files)
      .sort()
      .map((p) => [p.slice(archive.length), blake3Hex(readFileSync(p))]),
  );
}

/** While somebody changes them: nothing is read. */
export const namesOf = (archive: string): string[] => files(join(archive, "manifests"));

export const remove = (...paths: readonly string[]): void => {
  for (const path of paths) rmSync(path);
};

export function flipBit(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  rmSync(path);
  writeFileSync(path, bytes);
}

export const truncate = (path: string): void => truncateSync(path, statSync(path).size - 7);

export const copyOver = (from: string, to: string): void => copyFileSync(from, to);

export const quarantined = (archive: string): string[] => {
  const place = join(archive, "quarantine");
  return existsSync(place) ? files(place) : [];
};

/** Tells whether a data file that is there now has been replaced by another since. */
export function replacedSince(archive: string): () => boolean {
  const data = batchesOf(archive).map((x) => x.data);
  const inodes = (): string => data.map((path) => statSync(path).ino).join();
  const before = inodes();
  return () => inodes() !== before;
}
