import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { AuditRecord } from "./audit-record.ts";
import { readSegment } from "./segment-side.ts";

const run = promisify(execFile);

/** One data file as its name tells it: data/topic/id/partition/branch/…/start.suffix. */
export interface ArchiveFile {
  readonly file: string;
  readonly topicId: string;
  readonly partition: number;
  readonly branch: number;
  readonly start: bigint;
}

/** Ascending by partition, branch and start. */
export async function archiveFiles(archiveDir: string, topic: string): Promise<ArchiveFile[]> {
  const root = path.join(archiveDir, "data", topic);
  const names = await readdir(root, { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile())
    .map((entry): ArchiveFile => {
      const file = path.join(entry.parentPath, entry.name);
      const parts = path.relative(root, file).split(path.sep);
      const match = /^(\d{20})\.(log|ndjson)(\.zst|\.gz)?(\.age)?$/.exec(entry.name);
      if (match === null) throw new Error(`${file} is no final name`);
      const [topicId, partition, branch] = parts;
      return {
        file,
        topicId: topicId ?? "",
        partition: Number(partition),
        branch: Number(branch),
        start: BigInt(match[1] ?? ""),
      };
    });
  return files.sort(
    (a, b) => a.partition - b.partition || a.branch - b.branch || Number(a.start - b.start),
  );
}

/** The manifest's plain words about a file, wherever below manifests/ it lies. */
export async function manifestOf(
  archiveDir: string,
  topic: string,
  file: ArchiveFile,
): Promise<{ start: number; end: number; records: number; path: string } | undefined> {
  const relative = path.relative(path.join(archiveDir, "data", topic), file.file);
  const stem = path.basename(relative).slice(0, 20);
  const scope = relative.split(path.sep).slice(0, 3).join("/");
  const fanOut = (file.start / 1_000_000_000n).toString().padStart(11, "0");
  const name = path.join(archiveDir, "manifests", topic, scope, fanOut, `${stem}.json`);
  const text = await readFile(name, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const json = JSON.parse(text) as {
    start: number;
    end: number;
    records: number;
    seal: { path: string };
  };
  return { start: json.start, end: json.end, records: json.records, path: json.seal.path };
}

/** The records of one file, opened as anyone would: `age -d | zstdcat`. */
export async function readArchiveFile(
  file: ArchiveFile,
  identity: string | undefined,
): Promise<AuditRecord[]> {
  const bytes = await open(file.file, identity);
  const name = path.basename(file.file);
  return name.includes(".ndjson")
    ? readLines(bytes, file.partition)
    : [...readSegment(bytes, file.partition)];
}

async function open(file: string, identity: string | undefined): Promise<Buffer> {
  const steps: string[] = ['cat -- "$1"'];
  if (file.endsWith(".age")) steps.push('age -d -i "$2"');
  const inner = file.replace(/\.age$/, "");
  if (inner.endsWith(".zst")) steps.push("zstd -dcq");
  if (inner.endsWith(".gz")) steps.push("gzip -dc");
  const script = `set -o pipefail; ${steps.join(" | ")}`;
  const { stdout } = await run("bash", ["-c", script, "open", file, identity ?? "/nonexistent"], {
    encoding: "buffer",
    maxBuffer: 2 ** 31,
  });
  return stdout;
}

interface Line {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly key: string | null;
  readonly keyBase64?: string;
  readonly value: string | null;
  readonly valueBase64?: string;
  readonly headers: readonly {
    readonly key: string | null;
    readonly keyBase64?: string;
    readonly value: string | null;
    readonly valueBase64?: string;
  }[];
}

function readLines(file: Buffer, partition: number): AuditRecord[] {
  const records: AuditRecord[] = [];
  let at = 0;
  while (at < file.length) {
    const end = file.indexOf(0x0a, at);
    if (end < 0) throw new Error("the last line has no end");
    const text = file.toString("utf8", at, end);
    at = end + 1;
    const line = JSON.parse(text) as Line;
    if (line.partition !== partition) throw new Error(`a record of partition ${line.partition}`);
    const bytes = (plain: string | null, base64: string | undefined): Buffer | null =>
      base64 !== undefined
        ? Buffer.from(base64, "base64")
        : plain === null
          ? null
          : Buffer.from(plain);
    records.push({
      partition,
      offset: BigInt(line.offset),
      timestamp: BigInt(line.timestamp),
      timestampType: line.timestampType,
      key: bytes(line.key, line.keyBase64),
      value: bytes(line.value, line.valueBase64),
      headers: line.headers.map((h) => [
        bytes(h.key, h.keyBase64) ?? Buffer.alloc(0),
        bytes(h.value, h.valueBase64),
      ]),
    });
  }
  return records;
}
