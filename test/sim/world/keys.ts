import {
  encodeIdentity,
  encodeRecipient,
  privateKey,
  rawPublic,
} from "../../../src/seal/x25519.ts";

/** Keys of the simulated archive: of the test alone. */
const RAW = Buffer.alloc(32, 7);

export const IDENTITY = encodeIdentity(RAW);
export const RECIPIENT = encodeRecipient(rawPublic(privateKey(RAW)));
export const SEEDS = [{ keyId: "sim", secret: Buffer.alloc(32, 9) }];
