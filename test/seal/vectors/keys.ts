import {
  privateKey,
  encodeIdentity,
  encodeRecipient,
  rawPublic,
} from "../../../src/seal/x25519.ts";

/** Keys for tests only: anybody knows them. */
export interface VectorKey {
  /** Name of the identity file. */
  readonly file: string;
  readonly identity: string;
  readonly recipient: string;
  readonly raw: Buffer;
}

function key(file: string, fill: number): VectorKey {
  const raw = Buffer.alloc(32, fill);
  const recipient = encodeRecipient(rawPublic(privateKey(raw)));
  return { file, identity: encodeIdentity(raw), recipient, raw };
}

export const FIRST = key("identity-1", 0x11);
export const SECOND = key("identity-2", 0x22);
/** Opens none of the files. */
export const STRANGER = key("identity-3", 0x33);

export const SEED = { keyId: "vectors", secret: Buffer.alloc(32, 0x5e) };
export const SEED_FILE = "seed";
