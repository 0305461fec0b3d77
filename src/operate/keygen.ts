import { resolve } from "node:path";
import { z } from "zod";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import type { Output } from "./output.ts";

/** What `keygen --json` prints. */
export const keygenReport = z.union([
  z.strictObject({
    recipient: z.string().describe("For encryption.recipients"),
    identity: z.string().describe("Path of the file that opens the archive"),
    seed: z.string().describe("Path of the daemon's seed"),
  }),
  z.strictObject({
    keyId: z.string().describe("How signatures name the key"),
    signing: z.string().describe("Path of the key for signing.keyFile"),
    publicKey: z.string().describe("Path of its public half, for verify --public-key"),
  }),
]);

export const keygenCommand: Command = {
  name: "keygen",
  summary: "make an age identity and a seed, or a key that signs manifests",
  details:
    "Writes DIR/identity (opens the archive: keep it away from the daemon) and DIR/seed (the daemon's), both with mode 0600, and prints the recipient for the configuration. With --signing it writes DIR/signing (0600, the daemon's) and DIR/signing.pub (for whoever verifies) instead, and prints the key's name. Never overwrites; a run that was killed between the two files is finished by the next one.",
  options: [
    { flags: "--out <dir>", text: "folder for the two files", required: true },
    { flags: "--signing", text: "make a signing key (Ed25519) instead" },
  ],
  examples: ["bulk-archiver keygen --out ./keys", "bulk-archiver keygen --signing --out ./keys"],
  schema: "keygen.schema.json",
  run: async (args, { out }) => {
    const dir = resolve(args.text("out") ?? ".");
    await (args.flag("signing") ? signingKey(dir, out) : archiveKeys(dir, out));
    return EXIT.done;
  },
};

async function archiveKeys(dir: string, out: Output): Promise<void> {
  const { keygen } = await import("../seal/keygen.ts");
  const { recipient } = await keygen(dir);
  const paths = { identity: `${dir}/identity`, seed: `${dir}/seed` };
  if (out.json) {
    await out.document({ recipient, ...paths });
    return;
  }
  await out.text(recipient);
  out.note(`identity: ${paths.identity} (opens the archive: keep it away from the daemon)`);
  out.note(`seed:     ${paths.seed} (encryption.seedFile of the daemon)`);
}

async function signingKey(dir: string, out: Output): Promise<void> {
  const { signingKeygen } = await import("../seal/keygen.ts");
  const { keyId } = await signingKeygen(dir);
  const paths = { signing: `${dir}/signing`, publicKey: `${dir}/signing.pub` };
  if (out.json) {
    await out.document({ keyId, ...paths });
    return;
  }
  await out.text(keyId);
  out.note(`signing key: ${paths.signing} (signing.keyFile of the daemon)`);
  out.note(`public key:  ${paths.publicKey} (verify --public-key, for auditors)`);
}
