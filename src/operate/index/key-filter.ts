import { blake3 } from "@napi-rs/blake-hash";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { offsetName } from "../../core/layout.ts";
import type { BatchKey } from "../../core/scope.ts";
import { MAX_DOCUMENT_BYTES } from "../../sdk/documents.ts";
import { indexFolder } from "./roll-up.ts";

const MAGIC = Buffer.from("bulk-archiver keys 2\n", "ascii");
const SUM_BYTES = 32;
/** With ten bits a key and seven hashes one batch in a hundred is opened in vain. */
const BITS_A_KEY = 10;
const HASHES = 7;
const MAX_FILTER_BYTES = MAX_DOCUMENT_BYTES - MAGIC.length - SUM_BYTES;
/** Distinct keys that are counted; a batch with more has a filter of the greatest size. */
const MAX_COUNTED = 1 << 20;

/** A batch that was made again has another link: what was said of the one before it is then not read. */
export const keyFilterPath = (m: BatchKey & Pick<Manifest, "link">): string =>
  `${indexFolder(m)}/${offsetName(m.start)}.${m.link.slice(0, 16)}.keys`;

/** Which keys a batch may hold (a Bloom filter): no is certain, yes is likely. */
export class KeyFilter {
  readonly #bits: Uint8Array;

  private constructor(bits: Uint8Array) {
    this.#bits = bits;
  }

  static of(hashes: Iterable<bigint>, keys: number): KeyFilter {
    const bytes = Math.ceil((Math.max(1, keys) * BITS_A_KEY) / 8);
    const filter = new KeyFilter(new Uint8Array(Math.min(bytes, MAX_FILTER_BYTES)));
    for (const hash of hashes) {
      for (const bit of filter.#places(hash)) {
        const at = bit >>> 3;
        filter.#bits[at] = (filter.#bits[at] ?? 0) | (1 << (bit & 7));
      }
    }
    return filter;
  }

  /** `link`: of the batch that it is to be of. @throws ArchiverError format-invalid */
  static parse(bytes: Uint8Array, link: string): KeyFilter {
    const bits = bytes.subarray(MAGIC.length, -SUM_BYTES);
    const is = bits.length > 0 && MAGIC.equals(bytes.subarray(0, MAGIC.length));
    if (is && sumOf(bits, link).equals(bytes.subarray(-SUM_BYTES))) return new KeyFilter(bits);
    const what = is ? "damaged, or of another batch" : "no filter of keys";
    throw new ArchiverError("format-invalid", `it is ${what}; delete it and run index --keys`);
  }

  mayHold(key: Uint8Array): boolean {
    return this.#places(keyHash(key)).every(
      (bit) => ((this.#bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0,
    );
  }

  encode(link: string): Buffer {
    return Buffer.concat([MAGIC, this.#bits, sumOf(this.#bits, link)]);
  }

  /** Two halves of one hash make as many as are needed (Kirsch and Mitzenmacher). */
  #places(hash: bigint): readonly number[] {
    const size = this.#bits.length * 8;
    const [a, b] = [Number(hash & 0xffff_ffffn), Number(hash >> 32n)];
    return Array.from({ length: HASHES }, (_, i) => (a + i * (b | 1)) % size).map((n) =>
      n < 0 ? n + size : n,
    );
  }
}

/** A flipped bit would hide a key. Whoever forges a filter forges this too: `verify --deep` opens the batch. */
const sumOf = (bits: Uint8Array, link: string): Buffer =>
  blake3(Buffer.concat([MAGIC, Buffer.from(link, "ascii"), bits]));

/** 64 bits of BLAKE3. */
const keyHash = (key: Uint8Array): bigint =>
  blake3(Buffer.from(key.buffer, key.byteOffset, key.byteLength)).readBigUInt64BE(0);

/** Collects the keys of one batch. */
export class KeyCollector {
  readonly #hashes = new Set<bigint>();
  #more = false;

  add(key: Uint8Array | null): void {
    if (key === null || this.#more) return;
    this.#hashes.add(keyHash(key));
    this.#more = this.#hashes.size >= MAX_COUNTED;
  }

  /** Undefined when there are so many that a filter would say yes to everything. */
  filter(): KeyFilter | undefined {
    return this.#more ? undefined : KeyFilter.of(this.#hashes, this.#hashes.size);
  }
}
