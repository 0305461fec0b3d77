import { assert } from "./assert.ts";
import type { ContentMark } from "./description.ts";
import { blake3Hex } from "./digest.ts";
import type { Plan } from "./plan.ts";

/**
 * Plans as the metadata of an offset commit (design rule 1): one line of ASCII, words with one
 * space between them.
 *
 *     ba1 <number of plans> <15 words a plan> <chain offset or -> <chain link or -> <marks> <checksum>
 *
 * A mark is one word, `<sink>@<offset>`: the group went on without this sink, which has nothing from
 * the offset on. Mostly there is none. A version that knows no marks refuses such a text, and with it the
 * plans, which is safe.
 *
 * The checksum is the first 16 hex digits of BLAKE3 over everything before it, the space included.
 * One set of plans has exactly one text, so equal plans are equal commits.
 */
const MAX_PLANS = 4;

/** The broker's limit (`offset.metadata.max.bytes`) is 4096 unless somebody lowered it. */
const MAX_TEXT_CHARS = 4095;
const MAGIC = "ba1";
const PLAN_WORDS = 15;
/** Fewer than a plan's words, so that a wrong number of plans shows. */
const MAX_MARKS = 14;
const MARK = /^([A-Za-z0-9][A-Za-z0-9._-]{0,62})@(0|[1-9]\d{0,18})$/;
const CHECKSUM_CHARS = 16;
const INT64_MIN = -(1n << 63n);
const INT64_MAX = (1n << 63n) - 1n;
const INT32_MAX = 2 ** 31 - 1;

/** The end of the newest batch whose manifest is in the chain, and that manifest's link. */
export interface ChainHead {
  readonly offset: bigint;
  /** 64 lower-case hex digits. */
  readonly link: string;
}

/** A sink that the group went on without (rule 12). */
export interface Behind {
  readonly sink: string;
  /** From here on the sink may lack batches. */
  readonly offset: bigint;
}

export interface Plans {
  readonly plans: readonly Plan[];
  readonly chain: ChainHead | null;
  /** In the order of the configuration. */
  readonly behind: readonly Behind[];
}

/** @throws ArchiverError `assertion-failed` when the plans are not consecutive or do not fit. */
export function encodePlans({ plans, chain, behind }: Plans): string {
  assert(plans.length <= MAX_PLANS, `at most ${MAX_PLANS} plans are committed at once`);
  const words = [MAGIC, String(plans.length), ...plans.flatMap(planWords)];
  if (chain === null) words.push("-", "-");
  else words.push(String(chain.offset), packHex(chain.link));
  words.push(...behind.map((b) => `${b.sink}@${b.offset}`));
  const head = `${words.join(" ")} `;
  const text = head + checksum(head);
  assert(text.length <= MAX_TEXT_CHARS, `plans of ${text.length} characters fit in no commit`);
  const back = decodePlans(text);
  assert(!("invalid" in back), "what is committed can be read back");
  return text;
}

/** Never throws: what is not ours, of a later version, cut short or edited is `invalid`. */
export function decodePlans(text: string): Plans | { readonly invalid: string } {
  if (text === "") return { invalid: "empty" };
  const version = /^ba([1-9]\d{0,3}) /.exec(text)?.[1];
  if (version === undefined) return { invalid: "not written by this product" };
  if (version !== "1") return { invalid: `written by a later version (ba${version})` };
  if (text.length > MAX_TEXT_CHARS) return { invalid: `${text.length} characters are too many` };
  const cut = text.length - CHECKSUM_CHARS;
  // The space before it as well: with more in front of it in its word, a text would have others like it.
  if (text[cut - 1] !== " " || checksum(text.slice(0, cut)) !== text.slice(cut)) {
    return { invalid: "the checksum is wrong: the text was cut short or edited" };
  }
  const words = text.split(" ");
  const count = words[1] ?? "";
  if (!/^[0-4]$/.test(count)) return { invalid: "the number of plans is wrong" };
  const marks = words.length - (2 + Number(count) * PLAN_WORDS + 3);
  if (marks < 0 || marks > MAX_MARKS) return { invalid: "the number of words is wrong" };
  try {
    return readPlans(new Words(words.slice(2)), Number(count), marks);
  } catch (error) {
    if (error instanceof BadWord) return { invalid: error.message };
    throw error;
  }
}

function planWords(p: Plan): string[] {
  const mark =
    "digest" in p.content ? `d${packHex(p.content.digest)}` : `t${packHex(p.content.tag)}`;
  return [
    p.clusterId,
    p.topicId,
    String(p.branch),
    String(p.leaderEpoch),
    String(p.start),
    String(p.end),
    String(p.records),
    mark,
    p.format,
    p.codec,
    String(p.level),
    p.keyId === null ? "-" : `=${p.keyId}`,
    p.salt === null ? "-" : packHex(p.salt),
    p.firstTimestamp === null ? "-" : String(p.firstTimestamp),
    String(p.revision),
  ];
}

function readPlans(words: Words, count: number, marks: number): Plans {
  const plans: Plan[] = [];
  for (let i = 0; i < count; i++) {
    const plan = readPlan(words);
    const before = plans.at(-1);
    if (before !== undefined && before.end !== plan.start) {
      throw new BadWord("start", "plans are not consecutive");
    }
    plans.push(plan);
  }
  const [offset, link] = [words.next(), words.next()];
  const chain =
    offset === "-" && link === "-"
      ? null
      : { offset: int(offset, "chain offset", 0n), link: unpackHex(link, 32, "chain link") };
  return { plans, chain, behind: Array.from({ length: marks }, () => readMark(words.next())) };
}

function readMark(word: string): Behind {
  const [, sink = "", offset = ""] = MARK.exec(word) ?? [];
  if (sink === "") throw new BadWord("mark", "expected sink@offset");
  return { sink, offset: int(offset, "mark", 0n) };
}

function readPlan(words: Words): Plan {
  const plan: Plan = {
    clusterId: printable(words.next(), 256, "clusterId"),
    topicId: topicId(words.next()),
    branch: int32(words.next(), "branch", 0),
    leaderEpoch: int32(words.next(), "leaderEpoch", -1),
    start: int(words.next(), "start", 0n),
    end: int(words.next(), "end", 1n),
    records: int(words.next(), "records", 0n),
    content: mark(words.next()),
    format: oneOf(words.next(), ["segment", "ndjson"], "format"),
    codec: oneOf(words.next(), ["none", "zstd", "gzip"], "codec"),
    level: int32(words.next(), "level", -INT32_MAX),
    keyId: keyId(words.next()),
    salt: nullable(words.next(), (word) => unpackHex(word, 16, "salt")),
    firstTimestamp: nullable(words.next(), (word) => int(word, "firstTimestamp", INT64_MIN)),
    revision: int32(words.next(), "revision", 0),
  };
  if (plan.end <= plan.start) throw new BadWord("end", "is not after start");
  if (plan.records > plan.end - plan.start) throw new BadWord("records", "more than offsets");
  return plan;
}

class BadWord extends Error {
  constructor(field: string, what: string) {
    super(`${field}: ${what}`);
  }
}

class Words {
  #at = 0;
  readonly #words: readonly string[];
  constructor(words: readonly string[]) {
    this.#words = words;
  }
  next(): string {
    return this.#words[this.#at++] ?? "";
  }
}

const checksum = (head: string): string =>
  blake3Hex(Buffer.from(head, "utf8")).slice(0, CHECKSUM_CHARS);

/** Hex in base64url: a third shorter. */
const packHex = (hex: string): string => Buffer.from(hex, "hex").toString("base64url");

function unpackHex(word: string, bytes: number, field: string): string {
  const raw = Buffer.from(word, "base64url");
  if (raw.length !== bytes || raw.toString("base64url") !== word) {
    throw new BadWord(field, `expected ${bytes} bytes in base64url`);
  }
  return raw.toString("hex");
}

const nullable = <T>(word: string, read: (word: string) => T): T | null =>
  word === "-" ? null : read(word);

function int(word: string, field: string, min: bigint): bigint {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(word)) throw new BadWord(field, "expected an integer");
  const value = BigInt(word);
  if (value < min || value > INT64_MAX) throw new BadWord(field, "out of range");
  return value;
}

function int32(word: string, field: string, min: number): number {
  const value = int(word, field, BigInt(min));
  if (value > BigInt(INT32_MAX)) throw new BadWord(field, "out of range");
  return Number(value);
}

function mark(word: string): ContentMark {
  const hex = unpackHex(word.slice(1), 32, "content");
  if (word.startsWith("d")) return { algorithm: "blake3", digest: hex };
  if (word.startsWith("t")) return { algorithm: "blake3", tag: hex };
  throw new BadWord("content", "expected a digest or a tag");
}

function printable(word: string, max: number, field: string): string {
  if (word.length > max || !/^[\x21-\x7e]+$/.test(word)) {
    throw new BadWord(field, `expected 1 to ${max} printable ASCII characters without spaces`);
  }
  return word;
}

function topicId(word: string): string {
  if (!/^(_|[A-Za-z0-9_-]{22})$/.test(word)) throw new BadWord("topicId", "expected a topic id");
  return word;
}

function keyId(word: string): string | null {
  if (word === "-") return null;
  if (!word.startsWith("=")) throw new BadWord("keyId", "expected = and the key id, or -");
  return printable(word.slice(1), 64, "keyId");
}

function oneOf<T extends string>(word: string, allowed: readonly T[], field: string): T {
  const found = allowed.find((value) => value === word);
  if (found === undefined) throw new BadWord(field, `expected one of ${allowed.join(", ")}`);
  return found;
}
