import { Blake3Hasher } from "@napi-rs/blake-hash";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { contentRecords } from "./content-records.ts";
import type { ForeignRecord } from "./foreign-decoder.ts";
import { checkOf, type SeedKeys } from "./foreign-keys.ts";
import { ForeignRecordsDigest } from "./foreign-records-digest.ts";
import { OffsetAccount } from "./offset-account.ts";
import type { DeepCheck } from "./stored-data.ts";

/** A stored file without its encryption and compression. */
export interface Opened {
  readonly content: AsyncIterable<Uint8Array>;
  /** The keyed digest that stands in the manifest of an encrypted file. */
  readonly tagOf: ((digest: string) => string) | undefined;
}

/** @throws ArchiverError `sealed-invalid` or `format-invalid`, also while the content is read. */
export type Opener = (
  manifest: Manifest,
  stored: Uint8Array,
  signal: AbortSignal,
) => Promise<Opened>;

/**
 * Opens the file, decodes every record, and accounts for every byte and every offset.
 * `seeds` by key id: with them the keyed content check of a manifest is checked too.
 * `digests`: the records' digest is made even where the manifest has none, to compare sinks.
 */
export const deepCheck =
  (open: Opener, seeds: ReadonlyMap<string, SeedKeys>, digests = false): DeepCheck =>
  async (manifest, stored, tally, signal, keys) => {
    const say = (code: string, text: string): void =>
      tally.problem({ code, path: manifest.seal.path, start: manifest.start, text });
    const account = new OffsetAccount(manifest, say);
    try {
      const opened = await open(manifest, stored, signal);
      const seen = new ContentSeen(opened.content);
      const needed = digests || manifest.recordsDigest !== undefined;
      const digest = needed ? new ForeignRecordsDigest() : null;
      for await (const record of contentRecords(manifest.format, seen.pieces(), manifest)) {
        account.record(record.offset);
        checkTime(record, manifest, say);
        digest?.record(record);
        keys?.(record);
      }
      account.finish();
      tally.looked.opened++;
      const records = digest?.hex();
      compareRecords(records, manifest, say);
      seen.compare(manifest, opened.tagOf, seeds, say);
      return records;
    } catch (error) {
      if (!isDamage(error)) throw error;
      say(error.code === "sealed-invalid" ? "file-damaged" : "records-damaged", error.message);
      return undefined;
    }
  };

/** What the bytes themselves cause, apart from what a sink or a key file causes. */
export const isDamage = (error: unknown): error is ArchiverError =>
  error instanceof ArchiverError &&
  ["sealed-invalid", "format-invalid", "undecodable-record-batch", "corrupt-record-batch"].includes(
    error.code,
  );

function checkTime(
  record: ForeignRecord,
  manifest: Manifest,
  say: (code: string, text: string) => void,
): void {
  const { maxTimestamp } = manifest;
  if (record.timestamp < 0n) return;
  if (maxTimestamp !== null && record.timestamp <= maxTimestamp) return;
  const most = `the manifest's greatest is ${maxTimestamp}`;
  say("timestamp-range", `offset ${record.offset} has ${record.timestamp}, ${most}`);
}

/** What sinks of records were compared by has to be what the file holds. */
function compareRecords(
  seen: string | undefined,
  { recordsDigest }: Manifest,
  say: (code: string, text: string) => void,
): void {
  if (recordsDigest === undefined || seen === recordsDigest) return;
  say("records-digest", `the records have ${seen}, the manifest says ${recordsDigest}`);
}

/** Hashes and counts what passes through. */
class ContentSeen {
  readonly #content: AsyncIterable<Uint8Array>;
  readonly #hasher = new Blake3Hasher();
  #size = 0;

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#content = content;
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#content) {
      this.#hasher.update(piece);
      this.#size += piece.length;
      yield piece;
    }
  }

  compare(
    m: Manifest,
    tagOf: ((digest: string) => string) | undefined,
    seeds: ReadonlyMap<string, SeedKeys>,
    say: (code: string, text: string) => void,
  ): void {
    if (this.#size !== m.seal.contentSize) {
      say("content-size", `opens to ${this.#size} bytes, the manifest says ${m.seal.contentSize}`);
    }
    const digest = this.#hasher.digest("hex");
    const seen = "tag" in m.content ? tagOf?.(digest) : digest;
    const said = "tag" in m.content ? m.content.tag : m.content.digest;
    if (seen !== said) say("content-digest", `the content has ${seen}, the manifest says ${said}`);
    const seed = m.seal.keyId === undefined ? undefined : seeds.get(m.seal.keyId);
    if (seed === undefined || m.contentCheck === undefined) return;
    const check = checkOf(seed.contentCheck, m.batchId, digest);
    if (check !== m.contentCheck) {
      say(
        "content-check",
        `under seed ${m.seal.keyId} the content has ${check}, the manifest says ${m.contentCheck}`,
      );
    }
  }
}
