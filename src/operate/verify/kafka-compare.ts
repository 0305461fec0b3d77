import type { Hole, Manifest } from "../../core/description.ts";
import type { ForeignRecord } from "./foreign-decoder.ts";
import type { Problem } from "./report.ts";
import type { TopicItem } from "./topic-items.ts";

const MAX_PROBLEMS = 200;
/** Reasons with which the archiver itself leaves a readable record out. */
const LEFT_OUT: ReadonlySet<string> = new Set(["filtered", "dead-lettered", "skipped"]);

/** What an archive says of its offsets, ascending: manifests in turn with their records. */
export type ArchiveItem =
  | { readonly kind: "batch"; readonly manifest: Manifest }
  | { readonly kind: "record"; readonly record: ForeignRecord };

/** Compares one partition, offset by offset; both sides come as ascending streams. */
export class KafkaCompare {
  compared = 0n;
  lost = 0n;
  duplicated = 0n;
  different = 0n;
  unexpected = 0n;
  goneByCompaction = 0n;
  readonly explained = { aborted: 0n, control: 0n, compacted: 0n, deadLettered: 0n };
  readonly problems: Problem[] = [];
  readonly #archive: AsyncIterator<ArchiveItem>;
  readonly #compacted: boolean;
  #head: ForeignRecord | undefined;
  #last = -1n;
  #holes: readonly Hole[] = [];
  /** Holes before it end at or before the offset last asked for. */
  #passed = 0;

  constructor(archive: AsyncIterator<ArchiveItem>, compacted: boolean) {
    this.#archive = archive;
    this.#compacted = compacted;
  }

  async take(item: TopicItem): Promise<void> {
    if (item.kind === "record") await this.#record(item.record);
    else if (item.kind === "undecodable") await this.#undecodable(item.from, item.to);
    else await this.#nothing(item.kind, item.from, item.to);
  }

  /** After the last item: what is still archived below `to` is there twice. */
  async finish(to: bigint): Promise<void> {
    await this.#passOver(to, "absent");
    while ((await this.#peek()) !== undefined) this.#head = undefined;
  }

  async #record(seen: ForeignRecord): Promise<void> {
    await this.#passOver(seen.offset, "absent");
    const ours = await this.#peek();
    if (ours?.offset !== seen.offset) {
      const hole = this.#holesIn(seen.offset, seen.offset + 1n).next().value;
      if (hole !== undefined && LEFT_OUT.has(hole.reason)) return;
      this.lost++;
      const why = hole === undefined ? "" : `; its manifest calls it ${hole.reason}`;
      this.#say(
        "lost",
        seen.offset,
        `offset ${seen.offset} is in the topic, not in the archive${why}`,
      );
      return;
    }
    this.#head = undefined;
    this.compared++;
    const wrong = difference(seen, ours);
    if (wrong === undefined) return;
    this.different++;
    this.#say(
      "different",
      seen.offset,
      `${wrong} of offset ${seen.offset} differs from the topic's`,
    );
  }

  /** The archive has such a record batch raw, all of its offsets dead-lettered; or it was given up. */
  async #undecodable(from: bigint, to: bigint): Promise<void> {
    await this.#passOver(to, "absent");
    let [kept, given] = [0n, 0n];
    for (const hole of this.#holesIn(from, to)) {
      const offsets = (hole.to < to ? hole.to : to) - (hole.from > from ? hole.from : from);
      if (hole.reason === "dead-lettered") kept += offsets;
      else if (hole.reason === "skipped") given += offsets;
    }
    this.explained.deadLettered += kept;
    if (kept + given === to - from) return;
    this.lost++;
    const text = `[${from}, ${to}) cannot be read in the topic, and the archive has not all of it raw`;
    this.#say("lost", from, text);
  }

  async #nothing(kind: "aborted" | "control" | "absent", from: bigint, to: bigint): Promise<void> {
    const records = await this.#passOver(to, kind);
    this.explained[kind === "absent" ? "compacted" : kind] += to - from - records;
    if (kind === "absent") return;
    for (const hole of this.#holesIn(from, to)) {
      if (hole.offsets !== undefined || hole.reason === kind || LEFT_OUT.has(hole.reason)) continue;
      const text = `[${from}, ${to}) is ${kind} in the topic, ${hole.reason} in the manifest`;
      this.#say("hole-reason", from, text);
    }
  }

  /** Archived records below `offset`, where the topic shows none; how many there were. */
  async #passOver(offset: bigint, kind: "aborted" | "control" | "absent"): Promise<bigint> {
    let records = 0n;
    for (;;) {
      const ours = await this.#peek();
      if (ours === undefined || ours.offset >= offset) return records;
      this.#head = undefined;
      records++;
      if (kind === "absent" && this.#compacted) {
        this.goneByCompaction++;
        continue;
      }
      this.unexpected++;
      const what =
        kind === "absent" ? "not in the topic, which is not compacted" : `${kind} in the topic`;
      this.#say("unexpected", ours.offset, `archived offset ${ours.offset} is ${what}`);
    }
  }

  async #peek(): Promise<ForeignRecord | undefined> {
    while (this.#head === undefined) {
      const { done, value } = await this.#archive.next();
      if (done === true) return undefined;
      if (value.kind === "batch") {
        this.#holes = [...this.#holes.slice(this.#passed), ...value.manifest.holes];
        this.#passed = 0;
      } else if (value.record.offset <= this.#last) {
        this.duplicated++;
        this.#say(
          "duplicated",
          value.record.offset,
          `offset ${value.record.offset} is archived twice`,
        );
      } else {
        this.#head = value.record;
        this.#last = value.record.offset;
      }
    }
    return this.#head;
  }

  /** Holes that touch [from, to); `from` never goes back. */
  *#holesIn(from: bigint, to: bigint): Generator<Hole, undefined> {
    for (let i = this.#passed; i < this.#holes.length; i++) {
      const hole = this.#holes[i];
      if (hole === undefined || hole.from >= to) return;
      if (hole.to > from) yield hole;
      else if (i === this.#passed) this.#passed++;
    }
  }

  #say(code: string, start: bigint, text: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ code, start, text });
  }
}

/** Name of the first field that is not the same, byte for byte. */
function difference(a: ForeignRecord, b: ForeignRecord): string | undefined {
  if (!same(a.key, b.key)) return "the key";
  if (!same(a.value, b.value)) return "the value";
  if (a.timestamp !== b.timestamp) return "the timestamp";
  if (a.appendTime !== b.appendTime) return "the timestamp's type";
  if (a.headers.length !== b.headers.length) return "the number of headers";
  for (const [i, part] of a.headers.entries()) {
    if (!same(part, b.headers[i] ?? null)) return `header ${i >> 1}`;
  }
  return undefined;
}

const same = (a: Buffer | null, b: Buffer | null): boolean =>
  a === null || b === null ? a === b : a.equals(b);
