import type { Manifest } from "../../core/description.ts";

/** More than this of one file tells nobody anything new. */
const MAX_SAID = 20;

/**
 * Accounts for every offset of a batch: each is a record, once and in order, or lies in a hole that
 * the manifest lists, and every hole is as large as it says.
 */
export class OffsetAccount {
  readonly #manifest: Manifest;
  readonly #say: (code: string, text: string) => void;
  /** Missing offsets met so far in each hole. */
  readonly #met: bigint[];
  #hole = 0;
  #next: bigint;
  #records = 0n;
  #said = 0;

  constructor(manifest: Manifest, say: (code: string, text: string) => void) {
    this.#manifest = manifest;
    this.#next = manifest.start;
    this.#met = manifest.holes.map(() => 0n);
    this.#say = (code, text) => {
      if (this.#said++ < MAX_SAID) say(code, text);
    };
  }

  record(offset: bigint): void {
    this.#records++;
    if (offset < this.#manifest.start || offset >= this.#manifest.end) {
      const { start, end } = this.#manifest;
      this.#say("offset-out-of-range", `offset ${offset} is not in [${start}, ${end})`);
      return;
    }
    if (offset < this.#next) {
      this.#say("offset-order", `offset ${offset} comes after ${this.#next - 1n}`);
      return;
    }
    if (offset > this.#next) this.#missing(this.#next, offset);
    this.#next = offset + 1n;
  }

  finish(): void {
    const { end, holes, records } = this.#manifest;
    if (this.#next < end) this.#missing(this.#next, end);
    if (this.#records !== records) {
      this.#say(
        "record-count",
        `${this.#records} records are in the file, the manifest says ${records}`,
      );
    }
    for (const [i, hole] of holes.entries()) {
      const said = hole.offsets ?? hole.to - hole.from;
      const met = this.#met[i] ?? 0n;
      if (met === said) continue;
      const where = `[${hole.from}, ${hole.to}) (${hole.reason})`;
      this.#say("holes", `hole ${where} should lack ${said} records, it lacks ${met}`);
    }
  }

  #missing(from: bigint, to: bigint): void {
    const { holes } = this.#manifest;
    let at = from;
    while (at < to) {
      let hole = holes[this.#hole];
      while (hole !== undefined && hole.to <= at) hole = holes[++this.#hole];
      if (hole === undefined || hole.from >= to) {
        this.#lost(at, to);
        return;
      }
      if (hole.from > at) this.#lost(at, hole.from);
      at = hole.from > at ? hole.from : at;
      const until = hole.to < to ? hole.to : to;
      this.#met[this.#hole] = (this.#met[this.#hole] ?? 0n) + (until - at);
      at = until;
    }
  }

  #lost(from: bigint, to: bigint): void {
    const what = to - from === 1n ? `offset ${from} is` : `offsets [${from}, ${to}) are`;
    this.#say("record-missing", `${what} neither a record nor in a hole`);
  }
}
