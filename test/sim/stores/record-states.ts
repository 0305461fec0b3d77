import type { Description } from "../../../src/core/description.ts";
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
import { archivedRecord, type KeptRecord } from "./record-text.ts";
import type { Ask } from "./store-view.ts";
import type { SimStore } from "./store.ts";

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
  readonly #store: SimStore;
  readonly #ask: Ask;

  constructor(store: SimStore, ask: Ask) {
    this.#store = store;
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
    const description = parseDescription(bytes(entry.about));
    if (evidence === "bytes") {
      const found = new RecordsDigest();
      for await (const records of this.records(description, entry, signal)) found.add(records);
      if (found.hex() !== description.recordsDigest) return damaged("its records are not there");
    }
    if (manifest === undefined) return { is: "data", description, tag };
    const whole = parseManifest(manifest);
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
    const { objects } = this.#store;
    const look = (): { entry?: Entry; manifest?: Uint8Array } => {
      const entry = objects.get(entryPath(key))?.bytes;
      const manifest = objects.get(manifestPath(key))?.bytes;
      return {
        ...(entry === undefined ? {} : { entry: JSON.parse(text(entry)) as Entry }),
        ...(manifest === undefined ? {} : { manifest: Uint8Array.from(manifest) }),
      };
    };
    return this.#ask("head data", look, signal);
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
    const look = (): readonly KeptRecord[] =>
      entry.records ??
      this.#store
        .paths(folder)
        .filter((p) => p >= from && p < to)
        .map(
          (p) =>
            JSON.parse(text(this.#store.objects.get(p)?.bytes ?? new Uint8Array())) as KeptRecord,
        );
    yield (await this.#ask("get records", look, signal)).map(archivedRecord);
  }
}
