import { encodeRecipient, privateKey, rawPublic } from "../../../src/seal/x25519.ts";

/** Keys of the simulated archive, of the test alone; the daemons encrypt to the first one. */
export const KEYS = [7, 8].map((byte) => {
  const secret = Buffer.alloc(32, byte);
  return { secret, recipient: encodeRecipient(rawPublic(privateKey(secret))) };
});
export const SEEDS = [{ keyId: "sim", secret: Buffer.alloc(32, 9) }];
