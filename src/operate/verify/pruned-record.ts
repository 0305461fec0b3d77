import { createHmac } from "node:crypto";
import type { Scope } from "../../core/scope.ts";
import { scopeText } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import type { Seeds } from "./chain-check.ts";
import { type PublicKeys, signedByOne, unsignedText } from "./foreign-signatures.ts";

/** Data of batches that end here or before may be gone: `prune` said so before it removed any. */
export interface Pruned {
  readonly end: bigint;
  /** Of the batch that ends there. */
  readonly link: string;
}

const FORM =
  /^\{"version":1,"archiveId":"([\x21-\x7e]{1,64})","clusterId":"[\x21-\x7e]{1,256}","topic":"([A-Za-z0-9._-]{1,249})","topicId":"([A-Za-z0-9_-]{1,22})","partition":(\d{1,10}),"branch":(\d{1,10}),"end":(\d{1,19}),"link":"([0-9a-f]{64})","retentionMs":\d{1,16}(?:,"signature":\{"algorithm":"ed25519","keyId":"([\x21-\x7e]{1,64})","value":"([0-9a-f]{128})"\})?(?:,"mac":"([0-9a-f]{64})")?\}\n$/;

export interface PrunedOptions {
  readonly sink: Sink;
  readonly scope: Scope;
  readonly archiveId: string | undefined;
  readonly seeds: Seeds;
  readonly publicKeys: PublicKeys;
}

/** The furthest record of one scope; `wrong`: why it counts for nothing. */
export async function prunedOf(
  o: PrunedOptions,
  signal: AbortSignal,
): Promise<Pruned | { readonly wrong: string; readonly path: string } | undefined> {
  const { documents } = o.sink;
  if (documents === undefined) return undefined;
  let path: string | undefined;
  for await (const one of documents.list(`pruned/${scopeText(o.scope)}`, signal)) path = one;
  if (path === undefined) return undefined;
  const bytes = await documents.read(path, signal);
  const read = bytes === undefined ? "is gone" : readPruned(o, bytes);
  return typeof read === "string" ? { wrong: read, path } : read;
}

/** Where that record ends; one that counts for nothing says nothing. */
export async function prunedEnd(o: PrunedOptions, signal: AbortSignal): Promise<bigint> {
  const found = await prunedOf(o, signal);
  return found === undefined || "wrong" in found ? 0n : found.end;
}

function readPruned(o: PrunedOptions, bytes: Uint8Array): Pruned | string {
  const text = Buffer.from(bytes).toString("utf8");
  const found = FORM.exec(text);
  if (found === null) return "is no record of what was pruned";
  const [, archiveId, topic = "", topicId = "", partition, branch, end = "0", link = ""] = found;
  const [keyId, value, mac] = found.slice(8);
  const scope = { topic, topicId, partition: Number(partition), branch: Number(branch) };
  if (archiveId !== o.archiveId || scopeText(scope) !== scopeText(o.scope))
    return `is of ${scopeText(scope)}, archive ${archiveId}`;
  if (o.seeds.size > 0 && !macFits(text, mac, o.seeds)) return "its MAC is by no configured seed";
  if (o.publicKeys.size > 0) {
    const unsigned = unsignedText(bytes) ?? "";
    const signature = { algorithm: "ed25519", keyId: keyId ?? "", value: value ?? "" };
    if (value === undefined || !signedByOne("pruned", unsigned, signature, o.publicKeys))
      return "is not signed by any of the public keys";
  }
  return { end: BigInt(end), link };
}

function macFits(text: string, mac: string | undefined, seeds: Seeds): boolean {
  if (mac === undefined) return false;
  const said = `bulk-archiver pruned 1\n${text.replace(`,"mac":"${mac}"`, "")}`;
  return [...seeds.values()].some(
    (keys) => createHmac("sha256", keys.mac).update(said).digest("hex") === mac,
  );
}
