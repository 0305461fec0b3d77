import type { ArchiveFile } from "./archive-side.ts";
import { archiveFiles, manifestOf, readArchiveFile } from "./archive-side.ts";
import type { AuditRecord } from "./audit-record.ts";
import { fingerprint, show } from "./audit-record.ts";
import { readTopic } from "./topic-side.ts";

const AT_ONCE = 4;

export interface AuditOptions {
  readonly bootstrap: string;
  readonly topic: string;
  /** Holds `data/` and `manifests/`. */
  readonly archiveDir: string;
  /** Path of an age identity file; left out where nothing is encrypted. */
  readonly identity?: string;
  /** Where several incarnations of the topic are archived. */
  readonly topicId?: string;
  /** Only this one. */
  readonly partition?: number;
  /** Only this one, of a log that was cut short and went on. */
  readonly branch?: number;
  /** Records the topic no longer has (retention, compaction) are then no problem. */
  readonly vanishedAllowed?: boolean;
  /** Further librdkafka properties, `name=value`. */
  readonly properties?: readonly string[];
}

export interface AuditResult {
  /** Committed records of the topic as librdkafka shows them. */
  readonly records: number;
  /** In the topic, not in the archive. */
  readonly lost: number;
  /** In the archive more than once. */
  readonly duplicated: number;
  /** In both, some byte of key, value, headers, timestamp or its type differs. */
  readonly different: number;
  /** In the archive, not visible in the topic: aborted, or vanished since. */
  readonly extra: number;
  readonly files: number;
  readonly problems: readonly string[];
}

const MAX_PROBLEMS = 50;

/** Every committed record of the topic is in the archive once and equal, and no ranges overlap. */
export const auditTopic = (options: AuditOptions): Promise<AuditResult> =>
  auditRecords(options, readTopic(options));

/** The same against records from elsewhere, for the auditor's own test. */
export async function auditRecords(
  options: Omit<AuditOptions, "bootstrap">,
  topic: AsyncIterable<AuditRecord>,
): Promise<AuditResult> {
  const problems: string[] = [];
  const note = (text: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(text);
  };
  const files = await chooseFiles(options);
  const archive = new Map<string, { print: string; where: string; met: boolean }>();
  let duplicated = 0;
  await checkRanges(options, files, note);
  for await (const [file, found] of ahead(files, (f) => readFileChecked(options, f, note))) {
    for (const record of found) {
      const id = `${record.partition}/${record.offset}`;
      const there = archive.get(id);
      if (there !== undefined) {
        duplicated++;
        note(`${id} is in ${there.where} and in ${file.file}`);
      } else {
        archive.set(id, { print: fingerprint(record), where: file.file, met: false });
      }
    }
  }
  let records = 0;
  let lost = 0;
  let different = 0;
  for await (const record of topic) {
    records++;
    const there = archive.get(`${record.partition}/${record.offset}`);
    if (there === undefined) {
      lost++;
      note(`lost: ${show(record)}`);
      continue;
    }
    there.met = true;
    if (there.print !== fingerprint(record)) {
      different++;
      note(`different in ${there.where}; the topic has ${show(record)}`);
    }
  }
  let extra = 0;
  for (const [id, there] of archive) {
    if (there.met) continue;
    extra++;
    if (options.vanishedAllowed !== true) note(`${id} in ${there.where} is not in the topic`);
  }
  return { records, lost, duplicated, different, extra, files: files.length, problems };
}

async function chooseFiles(options: Omit<AuditOptions, "bootstrap">): Promise<ArchiveFile[]> {
  const all = await archiveFiles(options.archiveDir, options.topic);
  const ids = new Set(all.map((file) => file.topicId));
  const wanted = options.topicId ?? [...ids][0];
  if (options.topicId === undefined && ids.size > 1) {
    throw new Error(`several incarnations of ${options.topic}: ${[...ids].join(", ")}`);
  }
  const { partition, branch } = options;
  return all.filter(
    (file) =>
      file.topicId === wanted &&
      (partition === undefined || file.partition === partition) &&
      (branch === undefined || file.branch === branch),
  );
}

/** Manifest by manifest: each file has one, ranges follow each other, names agree. */
async function checkRanges(
  options: Omit<AuditOptions, "bootstrap">,
  files: readonly ArchiveFile[],
  note: (text: string) => void,
): Promise<void> {
  let before: { file: ArchiveFile; end: bigint } | undefined;
  for (const file of files) {
    const manifest = await manifestOf(options.archiveDir, options.topic, file);
    if (manifest === undefined) {
      note(`${file.file} has no manifest`);
      continue;
    }
    if (!file.file.endsWith(manifest.path))
      note(`${file.file}: its manifest names ${manifest.path}`);
    if (BigInt(manifest.start) !== file.start)
      note(`${file.file}: its manifest starts at ${manifest.start}`);
    const sameScope =
      before?.file.partition === file.partition && before.file.branch === file.branch;
    if (sameScope && before !== undefined && before.end !== file.start) {
      note(
        `${before.end > file.start ? "overlap" : "gap"}` +
          ` between ${before.file.file} and ${file.file}`,
      );
    }
    before = { file, end: BigInt(manifest.end) };
  }
}

/** In order, a few at once: each file is opened by programs of its own, which take a while to start. */
async function* ahead<T, U>(items: readonly T[], read: (item: T) => Promise<U>) {
  const begun: Promise<PromiseSettledResult<U>[]>[] = [];
  for (const [i, item] of items.entries()) {
    for (const next of items.slice(i + begun.length, i + AT_ONCE)) {
      begun.push(Promise.allSettled([read(next)]));
    }
    const [done] = (await begun.shift()) ?? [];
    if (done?.status !== "fulfilled") throw done?.reason;
    yield [item, done.value] as const;
  }
}

async function readFileChecked(
  options: Omit<AuditOptions, "bootstrap">,
  file: ArchiveFile,
  note: (text: string) => void,
): Promise<readonly AuditRecord[]> {
  let records: readonly AuditRecord[];
  try {
    records = await readArchiveFile(file, options.identity);
  } catch (error) {
    note(`${file.file} cannot be read: ${String(error)}`);
    return [];
  }
  const manifest = await manifestOf(options.archiveDir, options.topic, file);
  if (manifest !== undefined && manifest.records !== records.length) {
    note(`${file.file} holds ${records.length} records, its manifest says ${manifest.records}`);
  }
  let last = file.start - 1n;
  for (const record of records) {
    if (record.offset <= last) note(`${file.file}: offset ${record.offset} after ${last}`);
    if (manifest !== undefined && record.offset >= BigInt(manifest.end)) {
      note(`${file.file}: offset ${record.offset} is beyond its end ${manifest.end}`);
    }
    last = record.offset;
  }
  return records;
}
