import {
  type Amendment,
  amendedForms,
  encodeAmendment,
  MAX_AMENDMENT_BYTES,
  MAX_AMENDMENTS,
  parseAmendment,
} from "../../src/core/amendment.ts";
import type { Manifest } from "../../src/core/description.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { amendmentPath } from "../../src/core/layout.ts";
import type { BatchKey } from "../../src/core/scope.ts";
import type { BlobStore } from "../../src/sdk/blob-store.ts";
import { readWhole, storedEquals } from "./read-whole.ts";
import { refusedOr } from "./refused.ts";

/**
 * Of one batch, in order, up to the first number that is not there or is no amendment of that number: it is the
 * last of the answer, and a store that has something under every name is not read without end.
 */
export async function readAmendments(
  store: BlobStore,
  key: BatchKey,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (let number = 1; number <= MAX_AMENDMENTS; number++) {
    const path = amendmentPath(key, number);
    const bytes = await readWhole(store, path, MAX_AMENDMENT_BYTES, signal);
    if (bytes === undefined) break;
    found.push(bytes);
    if (!isNumbered(bytes, number)) break;
  }
  return found;
}

function isNumbered(bytes: Uint8Array, number: number): boolean {
  const parsed = refusedOr(() => parseAmendment(bytes));
  return typeof parsed !== "string" && parsed.number === number;
}

/** What the manifest's file may be now, the newest first; a text says why the amendments do not count. */
export async function formsOf(
  store: BlobStore,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<readonly Manifest[] | string> {
  const stored = await readAmendments(store, manifest, signal);
  const parsed = refusedOr(() => stored.map((bytes) => parseAmendment(bytes)));
  const forms = typeof parsed === "string" ? parsed : amendedForms(manifest, parsed);
  if (typeof forms !== "string") return forms;
  // With the digests, so that two looks agree only when both have read the same.
  return `${forms} (digests ${stored.map((bytes) => blake3Hex(bytes).slice(0, 16)).join(", ")})`;
}

/** Create-only, and compared. */
export async function createAmendment(
  store: BlobStore,
  key: BatchKey,
  amendment: Amendment,
  signal: AbortSignal,
): Promise<"equal" | "different"> {
  const bytes = Buffer.from(encodeAmendment(amendment), "utf8");
  const path = amendmentPath(key, amendment.number);
  const created = await store.create(path, { bytes, digest: blake3Hex(bytes) }, signal);
  if (created === "created") return "equal";
  return (await storedEquals(store, path, bytes, signal)) ? "equal" : "different";
}
