import type { Manifest } from "../../core/description.ts";
import { blake3Hex } from "../../core/digest.ts";
import { holdsOf } from "../../sdk/holds.ts";
import type { Sink } from "../../sdk/sink.ts";
import type { KeyFilters } from "../index/key-filters.ts";
import type { Entry } from "./entries.ts";
import type { Expiry } from "./expiry.ts";
import { type AmendmentKeys, storedForms } from "./foreign-amendments.ts";
import { ForeignRecordsDigest } from "./foreign-records-digest.ts";
import { isDamage } from "./deep-check.ts";
import { type KeyWitness, keyWitness } from "./key-witness.ts";
import { hashStored, readStored, type Stored } from "./stored-file.ts";
import type { Tally } from "./tally.ts";

/** Of one batch's data, as far as it was read; BLAKE3, lower-case hex. */
export interface DataSeen {
  /** Of the stored bytes. */
  readonly stored: string | undefined;
  /** Of the records, in the form in which all kinds of sinks can be compared. */
  readonly records: string | undefined;
  /** What `rewrap` left beside the manifest; of sinks of files. */
  readonly amendments: string | undefined;
  /** The data is gone by age, as it may be. */
  readonly expired: boolean;
}

export const NOTHING_SEEN: DataSeen = {
  ...{ stored: undefined, records: undefined, amendments: undefined },
  expired: false,
};

/** Looks into a file whose stored bytes are given; answers the digest of its records. */
export type DeepCheck = (
  manifest: Manifest,
  stored: Uint8Array,
  tally: Tally,
  signal: AbortSignal,
  keys?: KeyWitness,
) => Promise<string | undefined>;

export interface DataOptions {
  readonly sink: Sink;
  /** Whether a batch's file is read (`--quick`, `--sample`). */
  readonly reads: (start: bigint) => boolean;
  readonly deep: DeepCheck | undefined;
  readonly expiry: Expiry;
  /** What says which keys a batch may hold. */
  readonly filters?: KeyFilters;
  /** Amendments count only as far as these vouch for them. */
  readonly vouchers: AmendmentKeys;
}

/** A batch's data against its manifest: there, of its size, and with its bytes; every record if `deep`. */
export async function checkData(
  options: DataOptions,
  entry: Entry,
  manifest: Manifest,
  tally: Tally,
  signal: AbortSignal,
): Promise<DataSeen> {
  const { seal } = manifest;
  const say = (code: string, text: string, path = seal.path): void =>
    tally.problem({ code, path, start: entry.start, text });
  for (const { path } of entry.data) {
    if (path !== seal.path)
      say("stray-data", `is not the file its manifest names, ${seal.path}`, path);
  }
  const file = entry.data.find(({ path }) => path === seal.path);
  if (file === undefined) {
    const expired = options.expiry(manifest);
    if (expired) tally.expired++;
    else say("manifest-without-data", "is not there, though its manifest is");
    return { ...NOTHING_SEEN, expired };
  }
  // `rewrap` leaves amendments beside the manifest: what is stored may be as any of them says.
  const beside = await amendmentsOf(options.sink, manifest, signal);
  const seen: DataSeen = { ...NOTHING_SEEN, amendments: beside?.map(blake3Hex).join(" ") };
  const { forms, wrong } = storedForms(manifest, beside ?? [], options.vouchers);
  if (wrong !== undefined) say("amendment-invalid", wrong);
  // The newest first, the manifest itself last.
  const sized = forms.toReversed().filter((form) => form.seal.size === file.size);
  const [now] = sized;
  if (now === undefined) {
    say("size", `${file.size} bytes are stored, the manifest says ${seal.size}`);
    return seen;
  }
  if (!options.reads(entry.start)) return seen;
  if (holdsOf(options.sink.capabilities) !== "files")
    return checkRecords(options, manifest, tally, signal);
  const read = await readOrDamage(options, now, signal);
  if (typeof read === "string") {
    say("file-damaged", read);
    return seen;
  }
  const { digest, bytes } = read;
  tally.looked.filesRead++;
  tally.looked.bytesRead += now.seal.size;
  if (!sized.some((form) => form.seal.digest === digest)) {
    say(
      "sealed-digest",
      `the stored bytes have BLAKE3 ${digest}, the manifest says ${now.seal.digest}`,
    );
  }
  if (bytes === undefined) return { ...seen, stored: digest };
  // A damaged file is opened all the same: what is wrong inside is worth knowing.
  const keys = await keyWitness(options.filters, manifest, tally, signal);
  const records = await options.deep?.(now, bytes, tally, signal, keys);
  return { ...seen, stored: digest, records };
}

/** What the sink gives; a text where it has only a part of the file (chunks that are gone). */
async function readOrDamage(
  { sink, deep }: DataOptions,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<Stored | string> {
  try {
    return deep === undefined
      ? await hashStored(sink, manifest, signal)
      : await readStored(sink, manifest, signal);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return error.message;
  }
}

/** None of what is in the clear: nobody pays for looking. */
async function amendmentsOf(
  sink: Sink,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<readonly Uint8Array[] | undefined> {
  if (manifest.seal.encryption === "none") return undefined;
  return sink.amendments?.(manifest, signal);
}

/**
 * No file: the sink reads its records back and holds them against what it was given. With `--deep`
 * they are read once more and their digest is made here, by none of the sink's code.
 */
async function checkRecords(
  { sink, deep, expiry }: DataOptions,
  manifest: Manifest,
  tally: Tally,
  signal: AbortSignal,
): Promise<DataSeen> {
  const say = (code: string, text: string): void =>
    tally.problem({ code, path: manifest.seal.path, start: manifest.start, text });
  const state = await sink.stat(manifest, "bytes", signal);
  if (state.is !== "whole" && expiry(manifest)) {
    // A store of records drops old ones by its own rules, record by record.
    tally.expired++;
    return { ...NOTHING_SEEN, expired: true };
  }
  if (state.is !== "whole") {
    // Said once: reading them here would fail where the sink has lost some.
    say("records-damaged", state.is === "damaged" ? state.reason : `is ${state.is} now`);
    return NOTHING_SEEN;
  }
  if (deep === undefined || sink.readRecords === undefined) return NOTHING_SEEN;
  const digest = new ForeignRecordsDigest();
  let count = 0n;
  for await (const records of sink.readRecords(manifest, signal)) {
    for (const record of records) digest.archived(record);
    count += BigInt(records.length);
  }
  tally.looked.opened++;
  // A sink that leaves records out on purpose (a copy that would go round in circles) says so itself.
  if (count !== manifest.records) return NOTHING_SEEN;
  const records = digest.hex();
  if (manifest.recordsDigest !== undefined && records !== manifest.recordsDigest)
    say(
      "records-digest",
      `the records have ${records}, the manifest says ${manifest.recordsDigest}`,
    );
  return { ...NOTHING_SEEN, records };
}
