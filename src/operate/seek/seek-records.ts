import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { ArchivedRecord } from "../../core/record.ts";
import { parseDeadLetter } from "../../seal/dead-letter.ts";
import { parseLine } from "../../seal/ndjson.ts";
import type { FramedContent } from "./framed-content.ts";

const LINE_FEED = 10;
/** Records that are handed on at once. */
const GROUP = 1_000;

/**
 * The records of a batch of lines that lie in [from, to), without unfolding the frames before them: by halves
 * over the frames, then on from there. A line feed inside a line is always escaped, so one begins behind each,
 * whatever records hold; of record batches nothing is as certain (docs/restore.md).
 * @throws ArchiverError format-invalid, sealed-invalid
 */
export async function* seekRecords(
  m: Manifest,
  content: FramedContent,
  range: { readonly from: bigint; readonly to: bigint },
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedRecord[]> {
  const begin = await lastFrameBefore(m, content, range.from);
  let held: Buffer = Buffer.alloc(0);
  // Where the file begins a line does; any other frame may begin in the middle of one.
  let skipping = begin > 0;
  let group: ArchivedRecord[] = [];
  for (let i = begin; i < content.frames.length; i += 1) {
    signal.throwIfAborted();
    held = Buffer.concat([held, await content.frame(i)]);
    let at = 0;
    for (let end = held.indexOf(LINE_FEED); end >= 0; end = held.indexOf(LINE_FEED, at)) {
      const line = held.subarray(at, end);
      at = end + 1;
      if (skipping) {
        skipping = false;
        continue;
      }
      const read = unitOf(m, line);
      if (read.from >= range.to) {
        if (group.length > 0) yield group;
        return;
      }
      if (read.record !== null && read.from >= range.from) group.push(read.record);
      if (group.length < GROUP) continue;
      yield group;
      group = [];
    }
    held = held.subarray(at);
  }
  if (held.length > 0) throw broken(m, "its last line has no end");
  if (group.length > 0) yield group;
}

/** The last frame whose first whole line is not behind `offset`; the first one begins with one. */
async function lastFrameBefore(
  m: Manifest,
  content: FramedContent,
  offset: bigint,
): Promise<number> {
  let [low, high] = [0, content.frames.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const first = await firstOffset(m, content, middle);
    if (first !== undefined && first <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Of the first line that begins in a frame or, when none does, in one that follows. */
async function firstOffset(
  m: Manifest,
  content: FramedContent,
  frame: number,
): Promise<bigint | undefined> {
  let held: Buffer = Buffer.alloc(0);
  for (let i = frame; i < content.frames.length; i += 1) {
    held = Buffer.concat([held, await content.frame(i)]);
    const begin = held.indexOf(LINE_FEED) + 1;
    const end = begin === 0 ? -1 : held.indexOf(LINE_FEED, begin);
    if (end >= 0) return unitOf(m, held.subarray(begin, end)).from;
  }
  return undefined;
}

function unitOf(
  m: Manifest,
  line: Buffer,
): { readonly from: bigint; readonly record: ArchivedRecord | null } {
  const dead = parseDeadLetter(line, m);
  if (dead !== null) return { from: dead.from, record: null };
  const record = parseLine(line, m);
  if (record.offset >= m.start && record.offset < m.end) return { from: record.offset, record };
  throw broken(m, `offset ${record.offset} is not of this batch`);
}

const broken = (m: Manifest, text: string): ArchiverError =>
  new ArchiverError("format-invalid", `${m.seal.path}: ${text}`);
