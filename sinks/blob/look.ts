import type { Description, Manifest } from "../../src/core/description.ts";
import { blake3Hex, blake3HexOf } from "../../src/core/digest.ts";
import { dataFolder, dataPaths, fanOut, manifestPath, offsetName } from "../../src/core/layout.ts";
import { parseDescription, parseManifest } from "../../src/core/manifest.ts";
import { MAX_MANIFEST_BYTES } from "../../src/core/manifest-schema.ts";
import { batchId, type BatchKey } from "../../src/core/scope.ts";
import type { BlobHead, BlobStore } from "../../src/sdk/blob-store.ts";
import type { State } from "../../src/sdk/sink.ts";
import { formsOf } from "./amendments.ts";
import { readWhole } from "./read-whole.ts";
import { refusedOr } from "./refused.ts";

export type Evidence = "cheap" | "bytes";
export type Found = BlobHead & { readonly path: string };

/** Data under any name this start can have (docs/decisions/0002). */
export async function findData(
  store: BlobStore,
  key: BatchKey,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const paths = dataPaths(key);
  if (store.startingWith !== undefined) {
    const folder = `${dataFolder(key)}/${fanOut(key.start)}`;
    const found: Found[] = [];
    for await (const blob of store.startingWith(folder, offsetName(key.start), signal)) {
      if (paths.includes(blob.path)) found.push(blob);
    }
    return found;
  }
  const heads = await Promise.all(paths.map((path) => store.head(path, signal)));
  return heads.flatMap((head, i) => {
    const path = paths[i];
    return head === undefined || path === undefined ? [] : [{ ...head, path }];
  });
}

export const readManifest = (
  store: BlobStore,
  key: BatchKey,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> =>
  readWhole(store, manifestPath(key), MAX_MANIFEST_BYTES, signal);

/** What is there under a key. A store that does not answer is an error, never "absent". */
export async function look(
  store: BlobStore,
  key: BatchKey,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<State> {
  const stored = await readManifest(store, key, signal);
  if (stored !== undefined) return lookByManifest(store, key, stored, evidence, signal);
  const [data, second] = await findData(store, key, signal);
  if (data === undefined) return { is: "absent" };
  if (second !== undefined) {
    const reason = `two data files for one start: ${data.path} and ${second.path}`;
    return { is: "damaged", reason, tag: data.tag };
  }
  let read = "";
  const described = await describedBy(store, key, data, signal, async () => {
    const digest = await digestOf(store, data, signal);
    read = ` (digest ${digest.slice(0, 16)})`;
    return digest;
  });
  if (described !== undefined) return lookByAbout(store, data, described, evidence, signal);
  // The manifest may have come, and the description gone, since we looked for it.
  const late = await readManifest(store, key, signal);
  if (late !== undefined) return lookByManifest(store, key, late, evidence, signal);
  const reason = `${data.path}${read} has neither a manifest nor a description`;
  return { is: "damaged", reason, tag: data.tag };
}

async function lookByManifest(
  store: BlobStore,
  key: BatchKey,
  stored: Uint8Array,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<State> {
  const manifest = refusedOr(() => parseManifest(stored));
  // Data may be there under another name than the manifest says; the tag is that of what is there.
  const damaged = async (reason: string): Promise<State> => {
    const [data] = await findData(store, key, signal);
    return { is: "damaged", reason, tag: data?.tag ?? "" };
  };
  const withoutData = async (m: Manifest): Promise<State> => {
    const state = await damaged(`${m.seal.path} is gone, its manifest is there`);
    return state.is === "damaged" && state.tag === "" ? { ...state, withoutData: m } : state;
  };
  // With the digest, so that two looks agree only when both have read the same.
  const path = `${manifestPath(key)} (digest ${blake3Hex(stored).slice(0, 16)})`;
  if (typeof manifest === "string") return damaged(`${path}: ${manifest}`);
  if (manifest.batchId !== batchId(key)) {
    return damaged(`${path} is the manifest of ${manifest.batchId}`);
  }
  const head = await store.head(manifest.seal.path, signal);
  if (head === undefined) return withoutData(manifest);
  const { tag } = head;
  const data = { ...head, path: manifest.seal.path };
  const reason = await dataProblem(store, data, manifest, evidence, signal);
  if (reason === undefined) return { is: "whole", manifest, tag };
  // Only what is not as the manifest says can have been amended, so nothing else pays for looking.
  const forms = await formsOf(store, manifest, signal);
  if (typeof forms === "string") return { is: "damaged", reason: forms, tag };
  for (const form of forms.slice(0, -1)) {
    const problem = await dataProblem(store, data, form, evidence, signal);
    if (problem === undefined) return { is: "whole", manifest: form, tag };
  }
  return { is: "damaged", reason, tag };
}

async function lookByAbout(
  store: BlobStore,
  data: Found,
  described: Description | string,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<State> {
  const { tag } = data;
  if (typeof described === "string") return { is: "damaged", reason: described, tag };
  const reason = await dataProblem(store, data, described, evidence, signal);
  return reason === undefined
    ? { is: "data", description: described, tag }
    : { is: "damaged", reason, tag };
}

/** The description stored with data that has no manifest; a text says why it is none. */
export async function describedBy(
  store: BlobStore,
  key: BatchKey,
  data: Found,
  signal: AbortSignal,
  digest: () => Promise<string> = () => digestOf(store, data, signal),
): Promise<Description | string | undefined> {
  const about = await store.about(data.path, digest, signal);
  if (about === undefined) return undefined;
  const described = refusedOr(() => parseDescription(about));
  if (typeof described === "string") return `the description of ${data.path}: ${described}`;
  if (described.batchId === batchId(key) && described.seal.path === data.path) return described;
  return `the description of ${data.path} is that of ${described.seal.path}`;
}

async function dataProblem(
  store: BlobStore,
  data: Found,
  d: Description | Manifest,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (data.size !== d.seal.size) {
    return `${data.path} has ${data.size} bytes, its description says ${d.seal.size}`;
  }
  if (evidence === "cheap") return undefined;
  const digest = await digestOf(store, data, signal);
  return digest === d.seal.digest
    ? undefined
    : `${data.path} has digest ${digest}, its description says ${d.seal.digest}`;
}

const digestOf = (store: BlobStore, data: Found, signal: AbortSignal): Promise<string> =>
  blake3HexOf(store.get(data.path, 0, data.size, signal));
