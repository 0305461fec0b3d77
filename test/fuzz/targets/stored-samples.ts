import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Manifest } from "../../../src/core/description.ts";
import { parseManifest } from "../../../src/core/manifest.ts";
import { decodeIdentity } from "../../../src/seal/x25519.ts";
import { type Identity, parseIdentities } from "../../../src/operate/verify/foreign-age.ts";
import type { GoodEntry } from "../../seal/vectors/files.ts";

/** Golden stored files of every format, codec and encryption, and what belongs to them. */
const root = new URL("../../vectors/sealed/", import.meta.url);
export const storedFile = (path: string): Buffer =>
  readFileSync(fileURLToPath(new URL(path, root)));

export interface StoredSample extends GoodEntry {
  readonly m: Manifest;
  readonly bytes: Buffer;
  readonly manifestBytes: Buffer;
}

const good = JSON.parse(storedFile("good.json").toString()) as readonly GoodEntry[];
export const storedSamples: readonly StoredSample[] = good.map((g) => {
  const manifestBytes = storedFile(g.manifest);
  return { ...g, m: parseManifest(manifestBytes), bytes: storedFile(g.data), manifestBytes };
});

const identityTexts = ["identity-1", "identity-2"].map((name) => storedFile(name).toString());
export const identityKeys: readonly Uint8Array[] = identityTexts.map((t) =>
  decodeIdentity(/AGE-SECRET-KEY-\w+/.exec(t)?.[0] ?? ""),
);
export const foreignIdentities: readonly Identity[] = identityTexts.flatMap((t) =>
  parseIdentities(t),
);
