import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A manifest's counts as anyone reads them. */
export interface ManifestText {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  readonly records: number;
  readonly aborted: number;
  readonly control: number;
  readonly compacted: number;
  readonly deadLettered: number;
  readonly holes: readonly {
    readonly from: number;
    readonly to: number;
    readonly reason: string;
    readonly text?: string;
  }[];
  readonly seal: { readonly path: string; readonly size: number; readonly contentSize: number };
}

/** Of every batch of a topic, ascending by partition and start. */
export function manifestsOf(archiveDir: string, topic: string): ManifestText[] {
  const root = join(archiveDir, "manifests", topic);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((e) => JSON.parse(readFileSync(join(e.parentPath, e.name), "utf8")) as ManifestText)
    .sort((a, b) => a.partition - b.partition || a.start - b.start);
}
