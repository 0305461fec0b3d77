import { boundedFile } from "../../core/bounded-file.ts";
import { ArchiverError } from "../../core/errors.ts";
import { messageOf } from "../../core/message.ts";
import type { Scope } from "../../core/scope.ts";
import { type PublicKeys, signedByOne, unsignedText } from "./foreign-signatures.ts";

/** Where a chain ended when its head was published: that batch, with that link, has to be there. */
export interface Head {
  readonly scope: Scope;
  readonly archiveId: string;
  readonly end: bigint;
  readonly link: string;
}

export interface Heads {
  readonly heads: readonly Head[];
  /** Where they come from, for people. */
  readonly from: string;
  /** Each of them was signed by one of the public keys. */
  readonly signed: boolean;
}

const MAX_FILE_BYTES = 256 << 20;
/** Of one chain; the newest count, and each vouches for all before it. */
const MAX_OF_CHAIN = 100;

/** @throws ArchiverError `key-invalid` */
export function headsOfFile(file: string, keys: PublicKeys): Heads {
  return headsOfText(headsText(file), file, keys);
}

function headsText(file: string): string {
  let bytes: Buffer | null;
  try {
    bytes = boundedFile(file, MAX_FILE_BYTES);
  } catch (cause) {
    throw new ArchiverError("usage", `--head ${file}: ${messageOf(cause)}`, { cause });
  }
  if (bytes === null) throw new ArchiverError("usage", `--head ${file}: more than 256 MiB`);
  return bytes.toString("utf8");
}

/**
 * Lines as docs/format-manifest.md has them. A line that somebody changed is no evidence but a sign
 * that somebody was there: it is refused. @throws ArchiverError `verification-failed`
 */
export function headsOfText(text: string, from: string, keys: PublicKeys): Heads {
  const byChain = new Map<string, Head[]>();
  for (const [n, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const head = headOf(`${line}\n`, keys);
    if (typeof head === "string") {
      throw new ArchiverError("verification-failed", `${from}, line ${n + 1}: ${head}`);
    }
    const { topic, topicId, partition, branch } = head.scope;
    const chain = `${head.archiveId} ${topic}/${topicId}/${partition}/${branch}`;
    const known = byChain.get(chain) ?? [];
    known.push(head);
    if (known.length > MAX_OF_CHAIN) known.shift();
    byChain.set(chain, known);
  }
  const heads = [...byChain.values()].flat();
  if (heads.length === 0) throw new ArchiverError("usage", `${from} holds no head`);
  return { heads, from, signed: keys.size > 0 };
}

const FORM =
  /^\{"version":1,"archiveId":"([\x21-\x7e]{1,64})","clusterId":"[\x21-\x7e]{1,256}","topic":"([A-Za-z0-9._-]{1,249})","topicId":"([A-Za-z0-9_-]{1,22})","partition":(\d{1,10}),"branch":(\d{1,10}),"end":(\d{1,19}),"link":"([0-9a-f]{64})","signature":\{"algorithm":"ed25519","keyId":"([\x21-\x7e]{1,64})","value":"([0-9a-f]{128})"\}\}\n$/;

function headOf(line: string, keys: PublicKeys): Head | string {
  const found = FORM.exec(line);
  if (found === null) return "is no published head";
  const [, archiveId = "", topic = "", topicId = "", partition, branch, end, link = ""] = found;
  const [keyId = "", value = ""] = found.slice(8);
  const unsigned = unsignedText(Buffer.from(line)) ?? "";
  const signature = { algorithm: "ed25519", keyId, value };
  if (keys.size > 0 && !signedByOne("head", unsigned, signature, keys)) {
    return `its signature (key ${keyId}) is not by any of the public keys: forged or altered`;
  }
  const scope = { topic, topicId, partition: Number(partition), branch: Number(branch) };
  return { scope, archiveId, end: BigInt(end ?? "0"), link };
}

/** Those of one chain, by where they end. */
export function headsOf(
  heads: Heads | undefined,
  scope: Scope,
  archiveId: string | undefined,
): ReadonlyMap<bigint, string> {
  const same = (head: Head): boolean =>
    (archiveId === undefined || head.archiveId === archiveId) &&
    head.scope.topic === scope.topic &&
    head.scope.topicId === scope.topicId &&
    head.scope.partition === scope.partition &&
    head.scope.branch === scope.branch;
  return new Map((heads?.heads ?? []).filter(same).map(({ end, link }) => [end, link]));
}
