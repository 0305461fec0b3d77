import { stat } from "node:fs/promises";
import type { PipelineConfig } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import { loadSigner } from "../seal/keys.ts";
import { type Found, ok, warning } from "./check-report.ts";
import { raised } from "./check-sinks.ts";

/** What makes the archive provable: the signing key, and where heads go. */
export async function checkProof(p: PipelineConfig): Promise<Found[]> {
  const found: Found[] = [];
  if (p.signing !== null) found.push(...(await checkSigning(p.signing)));
  if (p.heads !== null && "sink" in p.heads.place) {
    const { sink } = p.heads.place;
    if (p.sinks.some(({ name }) => name === sink)) {
      const text = `pipeline ${p.name}: heads go to sink ${sink}, which they are to prove: who can empty it takes them along; a place with other rights keeps them`;
      found.push(warning("config", "heads-beside-data", text));
    }
  }
  return found;
}

async function checkSigning({
  keyFile,
  keyId,
}: NonNullable<PipelineConfig["signing"]>): Promise<Found[]> {
  try {
    const signer = loadSigner(keyFile, keyId);
    const found = [ok("config", "signing", `manifests are signed with key ${signer.keyId}`)];
    const { mode } = await stat(keyFile);
    if ((mode & 0o077) === 0) return found;
    const text = `${keyFile} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600`;
    return [...found, warning("config", "signing-mode", text)];
  } catch (error) {
    if (!(error instanceof ArchiverError)) throw error;
    return [raised("config", error)];
  }
}
