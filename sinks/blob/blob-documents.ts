import { assert } from "../../src/core/assert.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import type { BlobStore } from "../../src/sdk/blob-store.ts";
import { type Documents, MAX_DOCUMENT_BYTES } from "../../src/sdk/documents.ts";
import { readWhole } from "./read-whole.ts";

export const blobDocuments = (store: BlobStore): Documents => ({
  create: (path, bytes, signal) => {
    assert(!/^(data|manifests)\//.test(path), `${path} is the place of a batch`);
    assert(bytes.length <= MAX_DOCUMENT_BYTES, `${path} is a small document`);
    return store.create(path, { bytes, digest: blake3Hex(bytes) }, signal);
  },
  read: (path, signal) => readWhole(store, path, MAX_DOCUMENT_BYTES, signal),
  list: async function* (folder, signal) {
    for await (const { path } of store.list(folder, undefined, signal)) yield path;
  },
});
