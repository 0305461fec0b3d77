import { createHmac } from "node:crypto";
import type { Manifest, SealInfo } from "../../core/description.ts";
import type { Seeds } from "./chain-check.ts";
import { type PublicKeys, signedByOne, unsignedText } from "./foreign-signatures.ts";

/**
 * What `rewrap` leaves beside a manifest (docs/format-manifest.md), read here by itself: a file under
 * another header. Each counts only when it follows what was before it, and is vouched for as the manifest.
 */
export interface AmendmentKeys {
  readonly seeds: Seeds;
  readonly publicKeys: PublicKeys;
}

const HEX = "[0-9a-f]{64}";
const FORM = new RegExp(
  `^\\{"version":1,"archiveId":"([\\x21-\\x7e]{1,64})","batchId":"([\\x21-\\x7e]{1,512})",` +
    `"number":(\\d{1,4}),"link":"(${HEX})","replaces":"(${HEX})","size":(\\d{1,15}),` +
    `"digest":"(${HEX})","recipients":(\\["[\\x21-\\x7e]{1,4096}"(?:,"[\\x21-\\x7e]{1,4096}")*\\])` +
    `(?:,"signature":\\{"algorithm":"ed25519","keyId":"([\\x21-\\x7e]{1,64})","value":"([0-9a-f]{128})"\\})?` +
    `(?:,"mac":"(${HEX})")?\\}\\n$`,
);

/** Every form that the file may have: as the manifest says first, then as each amendment says. */
export function storedForms(
  m: Manifest,
  amendments: readonly Uint8Array[],
  keys: AmendmentKeys,
): { readonly forms: readonly Manifest[]; readonly wrong: string | undefined } {
  const forms: Manifest[] = [m];
  for (const [i, bytes] of amendments.entries()) {
    const seal = nextSeal(forms.at(-1) ?? m, i + 1, bytes, keys);
    if (typeof seal === "string") return { forms, wrong: `amendment ${i + 1} ${seal}` };
    forms.push({ ...m, seal });
  }
  return { forms, wrong: undefined };
}

function nextSeal(
  before: Manifest,
  number: number,
  bytes: Uint8Array,
  keys: AmendmentKeys,
): SealInfo | string {
  const text = Buffer.from(bytes).toString("utf8");
  const found = FORM.exec(text);
  if (found === null) return "is none by its form";
  const [, archiveId, batchId, said, link, replaces, size, digest = "", recipients = "[]"] = found;
  const [keyId, value, mac] = found.slice(9);
  if (archiveId !== before.archiveId || batchId !== before.batchId || link !== before.link)
    return `is of another batch, ${batchId}`;
  if (Number(said) !== number || replaces !== before.seal.digest)
    return "does not follow what was before it";
  if (before.seal.encryption === "none") return "is of a file that is not encrypted";
  if (before.mac !== undefined && keys.seeds.size > 0 && !macFits(text, mac, keys.seeds))
    return "carries no MAC of a configured seed";
  if (before.signature !== undefined && keys.publicKeys.size > 0) {
    const signature = { algorithm: "ed25519", keyId: keyId ?? "", value: value ?? "" };
    const unsigned = unsignedText(bytes) ?? "";
    if (value === undefined || !signedByOne("amendment", unsigned, signature, keys.publicKeys))
      return "is not signed by any of the public keys";
  }
  const to = JSON.parse(recipients) as readonly string[];
  return { ...before.seal, size: Number(size), digest, recipients: to };
}

function macFits(text: string, mac: string | undefined, seeds: Seeds): boolean {
  if (mac === undefined) return false;
  const said = `bulk-archiver amendment 1\n${text.replace(`,"mac":"${mac}"`, "")}`;
  return [...seeds.values()].some(
    (keys) => createHmac("sha256", keys.mac).update(said).digest("hex") === mac,
  );
}
