import type { Manifest } from "../../src/core/description.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import { batchId, type BatchKey } from "../../src/core/scope.ts";
import type { BlobHead, BlobStore } from "../../src/sdk/blob-store.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { formsOf } from "./amendments.ts";
import { readManifest } from "./look.ts";
import { readWhole, storedEquals } from "./read-whole.ts";
import { asidePath } from "./set-aside.ts";

type Make = (old: Uint8Array) => Promise<Uint8Array>;
type Aside = BlobHead & { readonly path: string };

/** A file that is not the old one is read so often: taken for another, a misread one would stay for ever. */
const READS = 3;

/**
 * The file that the newest amendment describes, in the place of the one before it: in one step where the store
 * has one (docs/decisions/0018). Else in steps that each leave one of the two whole: the old one is moved to
 * `quarantine/`, the new one created and read back, the old one removed. A run that was killed in between, of an
 * earlier version too, is gone on with by the same steps.
 */
export async function rewrapStored(
  store: BlobStore,
  key: BatchKey,
  make: Make,
  signal: AbortSignal,
): Promise<"replaced" | "there" | "gone"> {
  // A run that was killed right after its rename may have left it so.
  store.relyOnHeads?.();
  const { now, before } = await amendedForm(store, key, signal);
  const { path, size, digest } = now.seal;
  const head = await store.head(path, signal);
  const bytes =
    head === undefined
      ? await asideOf(store, path, before, signal)
      : await readWhole(store, path, head.size, signal);
  if (bytes === undefined && head === undefined) return "gone";
  if (bytes === undefined) throw refused(path, "it went away while it was read");
  if (head !== undefined && blake3Hex(bytes) === digest) {
    await dropOld(store, path, before, signal);
    return "there";
  }
  if (!before.has(blake3Hex(bytes))) {
    throw refused(path, "it is neither a file from before the amendment nor the one after it");
  }
  const made = await make(bytes);
  if (made.length !== size || blake3Hex(made) !== digest) {
    throw refused(path, "what was made of it is not what its amendment says");
  }
  let moved: string | undefined;
  if (head !== undefined && store.replace !== undefined) {
    await store.replace(path, made, head.tag, signal);
  } else {
    if (head !== undefined) moved = await moveAside(store, path, head, signal);
    await store.create(path, { bytes: made, digest }, signal);
  }
  if (!(await storedEquals(store, path, made, signal))) {
    throw refused(path, "it does not read back as it was written");
  }
  await dropOld(store, path, before, signal, moved);
  return "replaced";
}

async function moveAside(
  store: BlobStore,
  path: string,
  { tag }: BlobHead,
  signal: AbortSignal,
): Promise<string> {
  if (store.move === undefined) throw refused(path, "this store moves nothing");
  const aside = asidePath(path, tag);
  await store.move(path, aside, tag, signal);
  return aside;
}

/** As the newest amendment says, and the digests of the files that were there before it. */
async function amendedForm(
  store: BlobStore,
  key: BatchKey,
  signal: AbortSignal,
): Promise<{ readonly now: Manifest; readonly before: ReadonlySet<string> }> {
  const stored = await readManifest(store, key, signal);
  if (stored === undefined) throw refused(batchId(key), "it has no manifest; reconcile brings it");
  const forms = await formsOf(store, parseManifest(stored), signal);
  if (typeof forms === "string") throw refused(batchId(key), forms);
  const [now, ...older] = forms;
  if (now === undefined || older.length === 0) throw refused(batchId(key), "it has no amendment");
  return { now, before: new Set(older.map((form) => form.seal.digest)) };
}

/** A run before this one has moved the old file away and then died. */
async function asideOf(
  store: BlobStore,
  path: string,
  digests: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  for (const aside of await asides(store, path, signal)) {
    const bytes = await oldFile(store, aside, digests, signal);
    if (bytes !== undefined) return bytes;
  }
  return undefined;
}

/** Whoever was a recipient of the old file could still open it. `moved`: where this run has put it. */
async function dropOld(
  store: BlobStore,
  path: string,
  digests: ReadonlySet<string>,
  signal: AbortSignal,
  moved?: string,
): Promise<void> {
  for (const aside of await asides(store, path, signal)) {
    const old =
      aside.path === moved || (await oldFile(store, aside, digests, signal)) !== undefined;
    if (!old) continue;
    if (store.remove === undefined) throw refused(aside.path, "this store removes nothing");
    await store.remove(aside.path, aside.tag, signal);
  }
}

/** What lies there, if it is a file from before the amendment and not one that was set aside for damage. */
async function oldFile(
  store: BlobStore,
  { path, size }: Aside,
  digests: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  for (let reads = 0; reads < READS; reads += 1) {
    const bytes = await readWhole(store, path, size, signal);
    if (bytes !== undefined && digests.has(blake3Hex(bytes))) return bytes;
  }
  return undefined;
}

async function asides(
  store: BlobStore,
  path: string,
  signal: AbortSignal,
): Promise<readonly Aside[]> {
  const place = `quarantine/${path}`;
  const folder = place.slice(0, place.lastIndexOf("/"));
  const found: Aside[] = [];
  // What sorts before every name of this file, so that the listing begins with it.
  for await (const blob of store.list(folder, place, signal)) {
    if (!blob.path.startsWith(`${place}.`)) break;
    found.push(blob);
  }
  return found;
}

const refused = (path: string, text: string): SinkError =>
  new SinkError("sink-permanent", `${path}: ${text}`);
