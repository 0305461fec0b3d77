import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type AuditRecord, fingerprint } from "../../audit/audit-record.ts";
import { auditTopic } from "../../audit/audit-topic.ts";
import { readTopic } from "../../audit/topic-side.ts";
import { documentsBelow, type StoredDocument } from "../elasticsearch/documents.ts";
import { filesBelow } from "../fs-place.ts";
import { BLOBS, type SixSinks } from "./six-sinks.ts";

export interface Source {
  readonly bootstrap: string;
  readonly topic: string;
  /** Path of an age identity; left out where nothing is encrypted. */
  readonly identity?: string;
}

/**
 * Every sink, read by a foreign tool, holds every record of the topic once and nothing else, and the
 * sinks of files hold the same bytes under the same names. Resolves to how much that was.
 */
export async function sameEverywhere(
  six: SixSinks,
  source: Source,
): Promise<{ readonly records: number; readonly files: number }> {
  const folders = await Promise.all(BLOBS.map((name) => six.bring(name)));
  const files = await sameFiles(folders);
  const { bootstrap, topic } = source;
  const wanted = await prints(readTopic({ bootstrap, topic }));
  for (const [i, archiveDir] of folders.entries()) {
    const found = await auditTopic({ ...source, archiveDir });
    expect(found.problems, BLOBS[i]).toEqual([]);
    expect(found).toMatchObject({ lost: 0, duplicated: 0, different: 0, extra: 0 });
    expect(found.records).toBe(wanted.size);
  }
  const { elasticsearch, kafka } = six.servers;
  await searchHolds(elasticsearch.url, six.indexPrefix, { bootstrap, topic });
  await targetHolds({ bootstrap: kafka.bootstrap, topic: six.copyOf(topic) }, { bootstrap, topic });
  return { records: wanted.size, files };
}

type Topic = Pick<Source, "bootstrap" | "topic">;

/** The indices have a document of every record of the topic, and no other. Resolves to how many. */
export async function searchHolds(url: string, prefix: string, source: Topic): Promise<number> {
  const documents = await documentsBelow(url, `${prefix}-records-*`);
  const wanted = await prints(readTopic(source));
  expectSame("search", await prints(documents.map(recordOf)), wanted);
  return wanted.size;
}

/** The target has a copy of every record of the source, and no other. Resolves to how many. */
export async function targetHolds(target: Topic, source: Topic): Promise<number> {
  const wanted = await prints(readTopic(source));
  const copies = originals(readTopic(target), source.topic);
  expectSame("site-b", await prints(copies), wanted);
  return wanted.size;
}

/** The same names with the same bytes in every folder; how many. */
async function sameFiles(folders: readonly string[]): Promise<number> {
  const [first = "", ...others] = folders;
  const final = async (folder: string): Promise<readonly string[]> =>
    (await filesBelow(folder)).filter((name) => !name.startsWith("tmp/"));
  const names = await final(first);
  for (const folder of others) {
    expect(await final(folder), folder).toEqual(names);
    for (const name of names) {
      const [ours, theirs] = [readFileSync(join(first, name)), readFileSync(join(folder, name))];
      expect(ours.equals(theirs), `${folder}: ${name}`).toBe(true);
    }
  }
  return names.length;
}

type Prints = ReadonlyMap<string, string>;

/** By partition and offset of the source; one that is there twice is an error. */
async function prints(
  records: AsyncIterable<AuditRecord> | Iterable<AuditRecord>,
): Promise<Prints> {
  const found = new Map<string, string>();
  for await (const record of records) {
    const id = `${record.partition}/${record.offset}`;
    expect(found.has(id), `${id} is there twice`).toBe(false);
    found.set(id, fingerprint(record));
  }
  return found;
}

function expectSame(name: string, found: Prints, wanted: Prints): void {
  const different = [...wanted].filter(([id, print]) => found.get(id) !== print);
  expect(different.slice(0, 5), name).toEqual([]);
  expect(found.size, name).toBe(wanted.size);
}

type Fields = Readonly<Record<string, unknown>>;

const bytesOf = (fields: Fields, name: string): Buffer | null => {
  const base64 = fields[`${name}Base64`];
  if (typeof base64 === "string") return Buffer.from(base64, "base64");
  const text = fields[name];
  return typeof text === "string" ? Buffer.from(text, "utf8") : null;
};

/** What a document says, as its page of the guide says that anybody can read it. */
const recordOf = (d: StoredDocument): AuditRecord => ({
  partition: d.partition,
  offset: BigInt(d.offset),
  timestamp: BigInt(Number(d["timestamp"])),
  timestampType: d["timestampType"] as AuditRecord["timestampType"],
  key: bytesOf(d, "key"),
  value: bytesOf(d, "value"),
  headers: (d["headers"] as readonly Fields[]).map(
    (h) => [bytesOf(h, "key") ?? Buffer.alloc(0), bytesOf(h, "value")] as const,
  ),
});

const LINEAGE = ["cluster", "topic", "partition", "offset"];

/** Copies without their lineage headers, and under the offset that those name. */
async function* originals(
  copies: AsyncIterable<AuditRecord>,
  topic: string,
): AsyncGenerator<AuditRecord> {
  for await (const copy of copies) {
    const added = copy.headers.slice(-LINEAGE.length);
    expect(added.map(([key]) => key.toString())).toEqual(LINEAGE.map((n) => `bulk-archiver.${n}`));
    const [, from, partition, offset] = added.map(([, value]) => value?.toString() ?? "");
    expect([from, partition]).toEqual([topic, String(copy.partition)]);
    const headers = copy.headers.slice(0, -LINEAGE.length);
    yield { ...copy, headers, offset: BigInt(offset ?? "") };
  }
}
