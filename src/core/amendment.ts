import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { checked } from "./checked.ts";
import type { Manifest, SealInfo } from "./description.ts";
import { ArchiverError } from "./errors.ts";
import { parse, stringify } from "./json.ts";
import type { Signature, Signer } from "./signature.ts";

/**
 * A correction beside a manifest, which itself is never changed (design rule 6): the stored file was
 * encrypted to other recipients. What was archived, and with it the chain, stays as it is. Amendments of a
 * batch are numbered from 1, and each names the file that it supersedes. Byte-identical in every sink.
 */
export interface Amendment {
  readonly version: 1;
  readonly archiveId: string;
  readonly batchId: string;
  /** 1, 2, … */
  readonly number: number;
  /** Link of the manifest that it belongs to. */
  readonly link: string;
  /** Digest of the stored file before. */
  readonly replaces: string;
  readonly size: number;
  /** BLAKE3 of the stored file, lower-case hex. */
  readonly digest: string;
  readonly recipients: readonly string[];
  readonly signature?: Signature;
  /** Under the seed of the batch, as a manifest's. */
  readonly mac?: string;
}

export const MAX_AMENDMENT_BYTES = 1 << 20;
/** More than this are not looked for. */
export const MAX_AMENDMENTS = 1_000;
const MAC_LABEL = "bulk-archiver amendment 1\n";

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const printable = (max: number): z.ZodType<string> =>
  z
    .string()
    .max(max)
    .regex(/^[\x21-\x7e]+$/);
const schema = z.strictObject({
  version: z.literal(1),
  archiveId: printable(64),
  batchId: printable(512),
  number: z.int().min(1).max(MAX_AMENDMENTS),
  link: hex32,
  replaces: hex32,
  size: z.int().min(0),
  digest: hex32,
  recipients: z.array(printable(4096)).min(1).max(64),
  signature: z
    .strictObject({
      algorithm: z.literal("ed25519"),
      keyId: printable(64),
      value: z.string().regex(/^[0-9a-f]{128}$/),
    })
    .exactOptional(),
  mac: hex32.exactOptional(),
});

/** One text for a value: keys in one order, no spaces, a newline at the end. */
export const encodeAmendment = (a: Amendment): string => `${stringify(fields(a))}\n`;

/** @throws ArchiverError `manifest-invalid` */
export function parseAmendment(bytes: Uint8Array): Amendment {
  const refuse = (text: string, cause?: unknown): ArchiverError =>
    new ArchiverError("manifest-invalid", `amendment: ${text}`, { cause });
  if (bytes.length > MAX_AMENDMENT_BYTES) throw refuse(`${bytes.length} bytes are too many`);
  let value: unknown;
  try {
    value = parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw refuse("is not JSON in UTF-8", cause);
  }
  const found = checked(schema, value);
  if (!found.success) {
    const issue = found.error.issues[0];
    throw refuse(`field ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is refused"}`);
  }
  if (Buffer.compare(Buffer.from(encodeAmendment(found.data)), bytes) === 0) return found.data;
  throw refuse("is not in its canonical form");
}

/** The next amendment of a batch, signed and with a MAC where there are keys for it. */
export function makeAmendment(
  manifest: Manifest,
  before: readonly Amendment[],
  file: Pick<Amendment, "size" | "digest" | "recipients">,
  keys: { readonly macKey?: Uint8Array | undefined; readonly signer?: Signer | undefined },
): Amendment {
  const { size, digest, recipients } = file;
  const plain: Amendment = {
    version: 1,
    archiveId: manifest.archiveId,
    batchId: manifest.batchId,
    number: before.length + 1,
    link: manifest.link,
    replaces: before.at(-1)?.digest ?? manifest.seal.digest,
    ...{ size, digest, recipients },
  };
  const { macKey, signer } = keys;
  const signed =
    signer === undefined
      ? plain
      : { ...plain, signature: signer.sign("amendment", encodeAmendment(plain)) };
  return macKey === undefined ? signed : { ...signed, mac: macOf(signed, macKey).toString("hex") };
}

/** False also when there is no MAC. */
export function amendmentMacOk(a: Amendment, macKey: Uint8Array): boolean {
  if (a.mac === undefined) return false;
  const seen = Buffer.from(a.mac, "hex");
  const expected = macOf(a, macKey);
  return seen.length === expected.length && timingSafeEqual(seen, expected);
}

/**
 * The manifest with its file as it is stored now. What does not follow from the manifest and the
 * amendments before it says why. Only size, digest and recipients can be amended: the content's tag
 * stays, so that no amendment can pass off another content.
 */
export function amended(m: Manifest, amendments: readonly Amendment[]): Manifest | string {
  let seal: SealInfo = m.seal;
  for (const [i, a] of amendments.entries()) {
    const name = `amendment ${i + 1} of ${m.batchId}`;
    if (a.batchId !== m.batchId || a.link !== m.link || a.archiveId !== m.archiveId) {
      return `${name} is of another batch`;
    }
    if (a.number !== i + 1 || a.replaces !== seal.digest) {
      return `${name} does not follow what was before it`;
    }
    if (seal.encryption === "none") return `${name}: the batch is not encrypted`;
    const { size, digest, recipients } = a;
    seal = { ...seal, size, digest, recipients };
  }
  return seal === m.seal ? m : { ...m, seal };
}

/**
 * Every form that a batch's file may have now, the newest first: an amendment is there before the file that it
 * describes. The last one is the manifest itself. A text says why the amendments do not count.
 */
export function amendedForms(
  m: Manifest,
  amendments: readonly Amendment[],
): readonly Manifest[] | string {
  const forms: Manifest[] = [];
  for (let n = amendments.length; n >= 0; n--) {
    const form = amended(m, amendments.slice(0, n));
    if (typeof form === "string") return form;
    forms.push(form);
  }
  return forms;
}

function macOf(a: Amendment, macKey: Uint8Array): Buffer {
  const { mac: _mac, ...unsigned } = a;
  const hmac = createHmac("sha256", macKey).update(MAC_LABEL);
  return hmac.update(encodeAmendment(unsigned)).digest();
}

/** In the order of the format; what is undefined is left out by JSON itself. */
function fields(a: Amendment): object {
  const { version, archiveId, batchId, number, link, replaces, size, digest, recipients } = a;
  const { signature: s, mac } = a;
  const signature = s && { algorithm: s.algorithm, keyId: s.keyId, value: s.value };
  return {
    ...{ version, archiveId, batchId, number, link, replaces, size, digest, recipients },
    ...{ signature, mac },
  };
}
