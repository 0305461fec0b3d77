import { createHash } from "node:crypto";
import { ArchiverError } from "../../core/errors.ts";
import type { Documents } from "../../sdk/documents.ts";
import type { ListedManifest } from "../../sdk/sink.ts";
import { outermost, parseRollUpPath, type RollUpName, rollUpLines } from "./roll-up.ts";

/** A manifest as a roll-up has it. */
export interface RolledUp {
  readonly start: bigint;
  readonly end: bigint;
  readonly minTimestamp: bigint | null;
  readonly maxTimestamp: bigint | null;
  /** Newline included. */
  readonly bytes: Buffer;
  /** Of the roll-up. */
  readonly path: string;
  /** In its roll-up. */
  readonly first: boolean;
}

/** Where a roll-up is not as what is stored. */
export interface Disagreement {
  readonly path: string;
  /** Of the batch; left out when it is the roll-up as a whole. */
  readonly start?: bigint;
  readonly text: string;
}

/**
 * How far a listing shows that a stored manifest is this line: `proven` by a hash of the store's own,
 * `likely` by its length alone.
 */
export function shownAs(
  listed: ListedManifest | undefined,
  line: Uint8Array,
): "proven" | "likely" | "no" {
  if (listed?.size === undefined || listed.size !== line.length) return "no";
  if (listed.md5 === undefined) return "likely";
  return createHash("md5").update(line).digest("hex") === listed.md5 ? "proven" : "no";
}

/**
 * Reads the roll-ups of a partition beside its listing, one roll-up and one line of it at a time. What does
 * not hold together is said, and never used.
 */
export class RollUpReader {
  readonly #documents: Documents;
  readonly #names: readonly RollUpName[];
  readonly #say: (what: Disagreement) => void;
  #next = 0;
  #lines: AsyncGenerator<RolledUp> | undefined;
  #ahead: RolledUp | undefined;
  /** Lines in a row for which nothing is listed. */
  #unlisted: { first: RolledUp; last: RolledUp } | undefined;

  /** `names` as of before the listing: what they cover has to be in it. */
  constructor(
    documents: Documents,
    names: readonly RollUpName[],
    say: (what: Disagreement) => void,
  ) {
    this.#documents = documents;
    this.#names = names;
    this.#say = say;
  }

  /** To be asked for ascending starts. */
  async at(start: bigint, signal: AbortSignal): Promise<RolledUp | undefined> {
    for (;;) {
      const line = await this.#peek(signal);
      if (line === undefined || line.start > start) return undefined;
      this.#ahead = undefined;
      if (line.start === start) {
        this.#sayUnlisted();
        return line;
      }
      this.#unlisted = { first: this.#unlisted?.first ?? line, last: line };
    }
  }

  /** What the roll-ups have behind the last one asked for. */
  async finish(signal: AbortSignal): Promise<void> {
    for (let line = await this.#peek(signal); line !== undefined; line = await this.#peek(signal)) {
      this.#unlisted = { first: this.#unlisted?.first ?? line, last: line };
      this.#ahead = undefined;
    }
    this.#sayUnlisted();
  }

  #sayUnlisted(): void {
    if (this.#unlisted === undefined) return;
    const { first, last } = this.#unlisted;
    this.#unlisted = undefined;
    const text = `has batches of [${first.start}, ${last.end}) that are not there: they were removed, or it is forged`;
    this.#say({ path: first.path, start: first.start, text });
  }

  async #peek(signal: AbortSignal): Promise<RolledUp | undefined> {
    while (this.#ahead === undefined) {
      if (this.#lines === undefined) {
        const name = this.#names[this.#next++];
        if (name === undefined) return undefined;
        this.#lines = linesOf(this.#documents, name.path, this.#say, signal);
      }
      const found = await this.#lines.next();
      if (found.done === true) this.#lines = undefined;
      else this.#ahead = found.value;
    }
    return this.#ahead;
  }
}

/** The lines of one roll-up. Damage ends it, after that was said. */
export async function* linesOf(
  documents: Documents,
  path: string,
  say: (what: Disagreement) => void,
  signal: AbortSignal,
): AsyncGenerator<RolledUp> {
  const name = parseRollUpPath(path);
  let seen: RollUpTimes | undefined;
  try {
    // One that went since it was listed was derived: nothing is missing.
    const file = await documents.read(path, signal);
    if (file === undefined || name === undefined) return;
    for (const bytes of rollUpLines(file)) {
      const line = { ...fieldsOf(bytes), bytes, path, first: seen === undefined };
      // Beyond its range another roll-up has the word.
      if (line.start < (seen?.end ?? name.start) || line.end > name.end)
        throw new ArchiverError(
          "format-invalid",
          "its lines are not in order, or beyond its range",
        );
      seen = widened(seen, line);
      yield line;
    }
  } catch (error) {
    if (!isIndexDamage(error)) throw error;
    say({ path, text: `cannot be read: ${error.message}; index --rebuild makes it anew` });
    return;
  }
  const same = seen !== undefined && TIMES.every((of) => seen[of] === name[of]);
  if (!same) say({ path, text: "holds other offsets or times than its name says" });
}

type RollUpTimes = Pick<RollUpName, "start" | "end" | "minTimestamp" | "maxTimestamp">;
const TIMES = ["start", "end", "minTimestamp", "maxTimestamp"] as const;

const widened = (seen: RollUpTimes | undefined, line: RollUpTimes): RollUpTimes => ({
  start: seen?.start ?? line.start,
  end: line.end,
  minTimestamp: outermost(seen?.minTimestamp ?? null, line.minTimestamp, (a, b) => a < b),
  maxTimestamp: outermost(seen?.maxTimestamp ?? null, line.maxTimestamp, (a, b) => a > b),
});

const DAMAGE = ["sealed-invalid", "format-invalid", "sink-permanent"];
/** The file itself is at fault, and can be done without. */
export const isIndexDamage = (error: unknown): error is ArchiverError =>
  error instanceof ArchiverError && DAMAGE.includes(error.code);

const OFFSETS = /"start":(\d{1,19}),"end":(\d{1,19}),/;
const TIMES_OF = /"minTimestamp":(null|-?\d{1,19}),"maxTimestamp":(null|-?\d{1,19}),/;

/**
 * Only what look-ups need: who relies on a line parses it. Quotes inside of values are escaped, so the
 * names are found where they stand. @throws ArchiverError format-invalid
 */
function fieldsOf(bytes: Buffer): RollUpTimes {
  const text = bytes.toString("latin1");
  const [, start, end] = OFFSETS.exec(text) ?? [];
  const [, min, max] = TIMES_OF.exec(text) ?? [];
  if (start === undefined || end === undefined || min === undefined || max === undefined)
    throw new ArchiverError("format-invalid", "a line is no manifest");
  const time = (of: string): bigint | null => (of === "null" ? null : BigInt(of));
  return {
    ...{ start: BigInt(start), end: BigInt(end) },
    ...{ minTimestamp: time(min), maxTimestamp: time(max) },
  };
}
