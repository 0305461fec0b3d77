import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export interface AgeKey {
  /** The identity's. */
  readonly file: string;
  readonly recipient: string;
}

/** A new one, by the `age` tool. */
export function ageKey(dir: string, name: string): AgeKey {
  const file = join(dir, name);
  execFileSync("age-keygen", ["-o", file], { stdio: "pipe" });
  return { file, recipient: execFileSync("age-keygen", ["-y", file]).toString().trim() };
}

/** What a configuration in this folder needs for encryption. */
export function encryptionIn(
  dir: string,
  recipient: string,
): { readonly recipient: string; readonly seedFile: string } {
  const seedFile = join(dir, "seed");
  writeFileSync(seedFile, `${randomBytes(32).toString("hex")}\n`);
  return { recipient, seedFile };
}

/** Whether the `age` tool opens a file with an identity; rejects for any other reason. */
export function opens({ file }: Pick<AgeKey, "file">, path: string): boolean {
  try {
    execFileSync("age", ["-d", "-i", file, "-o", "/dev/null", path], { stdio: "pipe" });
    return true;
  } catch (error) {
    if (/no identity matched/.test(String(error))) return false;
    throw error;
  }
}
