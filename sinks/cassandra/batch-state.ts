import type { Description, Manifest } from "../../src/core/description.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { descriptionOf, parseDescription, parseManifest } from "../../src/core/manifest.ts";
import { batchId, type BatchKey } from "../../src/core/scope.ts";
import type { State } from "../../src/sdk/sink.ts";
import type { BatchRow } from "./batch-rows.ts";
import type { ChunkStore } from "./chunk-store.ts";

export type Evidence = "cheap" | "bytes";

/** What a row says of its batch; a text says why it says nothing valid. */
export function described(
  key: BatchKey,
  row: BatchRow,
): { readonly description: Description; readonly manifest?: Manifest } | string {
  const read = row.manifest === undefined ? describedByRow(row) : describedByManifest(row.manifest);
  if (typeof read === "string") return read;
  const { description } = read;
  const { seal } = description;
  if (description.batchId !== batchId(key)) return `it describes ${description.batchId}`;
  if (seal.digest === row.digest && seal.size === row.size && seal.path === row.path) return read;
  return "its columns are not those of what describes it";
}

function describedByRow(row: BatchRow): { readonly description: Description } | string {
  const read = refusedOr(() => parseDescription(Buffer.from(row.description, "utf8")));
  return typeof read === "string" ? read : { description: read };
}

function describedByManifest(
  text: string,
): { readonly description: Description; readonly manifest: Manifest } | string {
  const read = refusedOr(() => parseManifest(Buffer.from(text, "utf8")));
  return typeof read === "string" ? read : { description: descriptionOf(read), manifest: read };
}

/** The state of a batch that has a row. */
export async function stateOf(
  chunks: ChunkStore,
  key: BatchKey,
  row: BatchRow,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<State> {
  const tag = row.putId;
  const read = described(key, row);
  if (typeof read === "string") {
    return { is: "damaged", reason: `the row of ${batchId(key)}: ${read}`, tag };
  }
  const { description, manifest } = read;
  const reason = await chunks.problem(description, evidence, signal);
  if (reason !== undefined) return { is: "damaged", reason, tag };
  return manifest === undefined ? { is: "data", description, tag } : { is: "whole", manifest, tag };
}

/** The value, or the text of why it is refused; anything else is thrown on. */
function refusedOr<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "manifest-invalid") return error.message;
    throw error;
  }
}
