import { z } from "zod";
import { checked } from "../core/checked.ts";
import { ArchiverError } from "../core/errors.ts";
import type { ArchiveIdentity } from "./sink.ts";

/** `archive.json` and what record sinks keep instead (design rule 13). */
export const IDENTITY_PATH = "archive.json";
export const MAX_IDENTITY_BYTES = 64 << 10;

const schema = z.strictObject({
  version: z.literal(1),
  archiveId: z.string().min(1).max(64),
  clusterId: z.string().min(1).max(256),
  primary: z.string().min(1).max(256),
  layout: z.literal(1),
  group: z.string().min(1).max(1024),
});

/** One text per identity: this order of keys, two spaces, a newline at the end. */
export function encodeIdentity(identity: ArchiveIdentity): string {
  const { version, archiveId, clusterId, primary, layout, group } = schema.parse(identity);
  const fields = { version, archiveId, clusterId, primary, layout, group };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/** @throws ArchiverError `manifest-invalid`, which names the field. */
export function parseIdentity(bytes: Uint8Array): ArchiveIdentity {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ArchiverError("manifest-invalid", "archive.json is not JSON in UTF-8", { cause });
  }
  const result = checked(schema, value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.path.join(".") ?? "";
  throw new ArchiverError("manifest-invalid", `archive.json, field ${field}: ${issue?.message}`);
}
