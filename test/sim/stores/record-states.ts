import type { Description } from "../../../src/core/description.ts";
import { ArchiverError } from "../../../src/core/errors.ts";
import { dataFolder, fanOut, manifestPath, offsetName } from "../../../src/core/layout.ts";
import {
  descriptionOf,
  encodeDescription,
  parseDescription,
  parseManifest,
} from "../../../src/core/manifest.ts";
import type { ArchivedRecord } from "../../../src/core/record.ts";
import { batchId, type BatchKey, type Scope } from "../../../src/core/scope.ts";
import { RecordsDigest } from "../../../src/record-batch/records-digest.ts";
import type { Published, State } from "../../../src/sdk/sink.ts";
import { misread, misreadRecords } from "./misread.ts";
import { archivedRecord, type KeptRecord } from "./record-text.ts";
import type { Ask, ViewPorts } from "./store-view.ts";

export interface Entry {
  /** The description, as its sink was given it. */
  readonly about: string;
  /** Of a ledger: what was appended with it. */
  readonly records?: readonly KeptRecord[];
}

export const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
export const text = (stored: Uint8Array): string => Buffer.from(stored).toString("utf8");
export const entryPath = (k: BatchKey): string =>
  `${dataFolder(k)}/${fanOut(k.start)}/${offsetName(k.start)}.records`;
export const documentPath = (s: Scope, offset: bigint): string =>
  `documents/${s.topic}/${s.topicId}/${s.partition}/${s.branch}/${offsetName(offset)}`;

/** What a sink of records has of batches, and whether its records bear it out. */
export class RecordStates {
  readonly #p: ViewPorts;
  readonly #ask: Ask;

  constructor(p: ViewPorts, ask: Ask) {
    this.#p = p;
    this.#ask = ask;
  }

  async state(key: BatchKey, evidence: "cheap" | "bytes", signal: AbortSignal): Promise<State> {
    const { entry, manifest } = await this.stored(key, signal);
    if (entry === undefined && manifest === undefined) return { is: "absent" };
    const tag = "";
    const damaged = (why: string): State => ({
      ...{ is: "damaged", reason: `${batchId(key)}: ${why}`, tag },
    });
    if (entry === undefined) return damaged("a manifest without its data");
    const description = claimed(() => parseDescription(bytes(entry.about)));
    if (typeof description === "string") return damaged(description);
    if (description.batchId !== batchId(key)) return damaged(`here is ${description.batchId}`);
    if (evidence === "bytes") {
      const found = new RecordsDigest();
      for await (const records of this.records(description, entry, signal)) found.add(records);
      if (found.hex() !== description.recordsDigest) return damaged("its records are not there");
    }
    if (manifest === undefined) return { is: "data", description, tag };
    const whole = claimed(() => parseManifest(manifest));
    if (typeof whole === "string") return damaged(whole);
    const agrees = encodeDescription(descriptionOf(whole)) === entry.about;
    return agrees ? { is: "whole", manifest: whole, tag } : damaged("the manifest is another's");
  }

  async compared(d: Description, signal: AbortSignal): Promise<Published | undefined> {
    const state = await this.state(d, "bytes", signal);
    if (state.is === "absent") return undefined;
    if (state.is === "damaged") return { outcome: "different", state };
    const there = state.is === "data" ? state.description : descriptionOf(state.manifest);
    const equal = encodeDescription(there) === encodeDescription(d);
    return equal ? { outcome: "equal" } : { outcome: "different", state };
  }

  async stored(
    key: BatchKey,
    signal: AbortSignal,
  ): Promise<{ entry?: Entry; manifest?: Uint8Array }> {
    const { objects } = this.#p.store;
    const look = (): { entry?: Entry; manifest?: Uint8Array } => {
      const entry = objects.get(entryPath(key))?.bytes;
      const manifest = objects.get(manifestPath(key))?.bytes;
      return {
        ...(entry === undefined ? {} : { entry: JSON.parse(text(entry)) as Entry }),
        ...(manifest === undefined ? {} : { manifest: Uint8Array.from(manifest) }),
      };
    };
    const { entry, manifest } = await this.#ask("head data", look, signal);
    const about = entry && text(misread(this.#p, bytes(entry.about)));
    return {
      ...(entry === undefined || about === undefined ? {} : { entry: { ...entry, about } }),
      ...(manifest === undefined ? {} : { manifest: misread(this.#p, manifest) }),
    };
  }

  /** A document that is missing is left out: whoever asks compares the digest. */
  async *records(
    d: Description,
    entry: Entry,
    signal: AbortSignal,
  ): AsyncGenerator<ArchivedRecord[]> {
    const from = documentPath(d, d.start);
    const to = documentPath(d, d.end);
    const folder = from.slice(0, from.lastIndexOf("/"));
    const { store } = this.#p;
    const look = (): readonly KeptRecord[] =>
      entry.records ??
      store
        .paths(folder)
        .filter((p) => p >= from && p < to)
        .map(
          (p) => JSON.parse(text(store.objects.get(p)?.bytes ?? new Uint8Array())) as KeptRecord,
        );
    const found = await this.#ask("get records", look, signal);
    yield misreadRecords(this.#p, found).map(archivedRecord);
  }
}

/** What lies there is a claim: a text says why it is none. */
function claimed<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ArchiverError) || error.code !== "manifest-invalid") throw error;
    return error.message;
  }
}
