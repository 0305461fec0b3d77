import { X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import type { Config, KafkaConfig } from "../config/config.ts";
import { sizeText } from "../config/units.ts";
import { ArchiverError } from "../core/errors.ts";
import { isLoopback } from "../observe/access.ts";
import { checkRecipients, loadSeeds } from "../seal/keys.ts";
import { failure, type Found, ok, warning } from "./check-report.ts";
import { checkProof } from "./check-proof.ts";
import { raised } from "./check-sinks.ts";

const DAY_MS = 86_400_000;
const EXPIRES_SOON_DAYS = 21;

/** What loading the file did not show: seeds and recipients, and who may read or ask what. */
export async function checkConfig(config: Config): Promise<Found[]> {
  const { pipelines, sinks, memoryBytes } = config;
  const text = `${config.file}: ${pipelines.length} pipelines, ${sinks.length} sinks, ${sizeText(memoryBytes)} of memory`;
  const found = [ok("config", "config", text)];
  for (const pipeline of pipelines) {
    const { encryption, name } = pipeline;
    found.push(...(await checkProof(pipeline)));
    if (encryption === null) {
      found.push(
        warning("config", "no-encryption", `pipeline ${name}: files are stored in the clear`),
      );
      continue;
    }
    found.push(...(await checkKeys(encryption.seedFile, encryption.recipients)));
  }
  found.push(...checkSecurity(config.kafka));
  const { http } = config;
  if (http !== null && http.token === null && !isLoopback(http.host)) {
    const where = `http.listen ${http.host}:${http.port} is reachable from other machines`;
    const text = `${where}, which get ${http.publicPaths.join(", ")} only: the page needs http.token`;
    found.push(warning("config", "http-open", text));
  }
  return found;
}

/** What a broker could not tell: it refuses an expired certificate without a word why. */
function checkSecurity({ ssl, sasl }: KafkaConfig): Found[] {
  const found: Found[] = [];
  if (ssl === null && (sasl?.mechanism === "plain" || sasl?.mechanism === "oauthbearer")) {
    const text = `kafka.sasl ${sasl.mechanism} without kafka.ssl: the secret goes over the network as it is`;
    found.push(warning("config", "secret-in-clear", text));
  }
  if (ssl === null || ssl === true || ssl.cert === null) return found;
  const end = new X509Certificate(ssl.cert).validToDate;
  const days = Math.floor((end.getTime() - Date.now()) / DAY_MS);
  const text = `the client certificate (kafka.ssl.cert) is valid until ${end.toISOString()}`;
  if (days < 0) found.push(failure("config", "client-certificate", `${text}: it has expired`));
  else if (days < EXPIRES_SOON_DAYS) found.push(warning("config", "client-certificate", text));
  else found.push(ok("config", "client-certificate", text));
  return found;
}

async function checkKeys(seedFile: string, recipients: readonly string[]): Promise<Found[]> {
  try {
    checkRecipients(recipients);
    const [active, ...others] = await loadSeeds(seedFile);
    const { mode } = await stat(seedFile);
    const older = others.length === 0 ? "" : ` and ${others.length} older`;
    const found = [
      ok("config", "seed", `seed ${active?.keyId ?? ""}${older}, ${recipients.length} recipients`),
    ];
    if ((mode & 0o077) === 0) return found;
    const text = `${seedFile} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600`;
    return [...found, warning("config", "seed-mode", text)];
  } catch (error) {
    if (!(error instanceof ArchiverError)) throw error;
    return [raised("config", error)];
  }
}
