import { resolve } from "node:path";
import { z } from "zod";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-code.ts";

/** What `keygen --json` prints. */
export const keygenReport = z.strictObject({
  recipient: z.string().describe("For encryption.recipients"),
  identity: z.string().describe("Path of the file that opens the archive"),
  seed: z.string().describe("Path of the daemon's seed"),
});

export const keygenCommand: Command = {
  name: "keygen",
  summary: "make an age identity and a seed",
  details:
    "Writes DIR/identity (opens the archive: keep it away from the daemon) and DIR/seed (the daemon's), both with mode 0600, and prints the recipient for the configuration. Never overwrites.",
  options: [{ flags: "--out <dir>", text: "folder for the two files", required: true }],
  examples: ["bulk-archiver keygen --out ./keys"],
  schema: "keygen.schema.json",
  run: async (args, { out }) => {
    const dir = resolve(args.text("out") ?? ".");
    const { keygen } = await import("../seal/keys.ts");
    const { recipient } = await keygen(dir);
    const paths = { identity: `${dir}/identity`, seed: `${dir}/seed` };
    if (out.json) await out.document({ recipient, ...paths });
    else {
      await out.text(recipient);
      out.note(`identity: ${paths.identity} (opens the archive: keep it away from the daemon)`);
      out.note(`seed:     ${paths.seed} (encryption.seedFile of the daemon)`);
    }
    return EXIT.done;
  },
};
