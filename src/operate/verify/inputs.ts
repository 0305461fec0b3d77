import { readFile } from "node:fs/promises";
import type { PipelineConfig } from "../../config/config.ts";
import { ArchiverError } from "../../core/errors.ts";
import { messageOf } from "../../core/message.ts";
import { type Expiry, NEVER, olderThan } from "./expiry.ts";
import { type Identity, parseIdentities } from "./foreign-age.ts";
import { type SeedKeys, seedKeys } from "./foreign-keys.ts";
import { type PublicKeys, publicKeys } from "./foreign-signatures.ts";

/** @throws ArchiverError `key-invalid` */
export async function readIdentities(file: string | undefined): Promise<readonly Identity[]> {
  return file === undefined ? [] : parseIdentities(await readKeyFile(file, "identity file"), file);
}

/** Of all pipelines that write to one archive. @throws ArchiverError `key-invalid` */
export async function readSeeds(
  pipelines: readonly PipelineConfig[],
): Promise<ReadonlyMap<string, SeedKeys>> {
  const files = pipelines.flatMap((p) => (p.encryption === null ? [] : [p.encryption.seedFile]));
  const seeds = new Map<string, SeedKeys>();
  for (const file of new Set(files)) {
    for (const [id, keys] of seedKeys(await readKeyFile(file, "seed file"))) seeds.set(id, keys);
  }
  return seeds;
}

/** Those that were named, else the public halves of the keys that pipelines sign with. */
export async function readPublicKeys(
  named: readonly string[],
  pipelines: readonly PipelineConfig[],
): Promise<PublicKeys> {
  const own = pipelines.flatMap((p) => (p.signing === null ? [] : [p.signing.keyFile]));
  const keys = new Map();
  for (const file of new Set(named.length > 0 ? named : own)) {
    const read = publicKeys(await readKeyFile(file, "public key"), file);
    for (const [id, key] of read) keys.set(id, key);
  }
  return keys;
}

/** Each batch by the retention of the pipeline that archives its topic; the longest where several do. */
export function expiryOf(pipelines: readonly PipelineConfig[], nowMs: number): Expiry {
  if (pipelines.every((p) => p.retentionMs === null)) return NEVER;
  return (manifest) => {
    const own = pipelines.filter((p) => selects(p, manifest.topic));
    return own.length > 0 && own.every((p) => olderThan(p.retentionMs, nowMs)(manifest));
  };
}

export const selects = (pipeline: PipelineConfig, topic: string): boolean =>
  pipeline.topics.some((t) =>
    typeof t === "string" ? t === topic : new RegExp(t.regex, "u").test(topic),
  );

async function readKeyFile(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const text = `the ${what} ${file} cannot be read: ${messageOf(cause)}`;
    throw new ArchiverError("key-invalid", text, { cause });
  }
}
