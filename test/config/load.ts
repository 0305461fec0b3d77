import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtInSinks } from "../../sinks/index.ts";
import type { Config } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/load.ts";
import { Authority } from "../servers/certificates.ts";

/** A folder with files that configurations refer to. */
export function configDir(files: Readonly<Record<string, string>> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), "bulk-archiver-config-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** The same kind of key, of another certificate and under the passphrase `sesame`. */
  readonly locked: string;
}

/** `authority/ca.pem`, `authority/me.pem`, `authority/me.key` and `authority/other-locked.key` in `dir`. */
export function tlsFiles(dir: string): TlsFiles {
  const authority = new Authority(join(dir, "authority"), "test authority");
  const { cert, key } = authority.issue("me");
  const other = authority.issue("other", { passphrase: "sesame" });
  return { ca: authority.ca, cert, key, locked: other.key };
}

/** Loads a text as if it stood in `dir/conf.yaml`; errors name it `conf.yaml`. */
export function load(text: string, dir: string, env: NodeJS.ProcessEnv = {}): Promise<Config> {
  return parseConfig("conf.yaml", join(dir, "conf.yaml"), text, { env, kinds: builtInSinks });
}

/** A configuration that is right; a line of it can be replaced. */
export const GOOD: readonly string[] = [
  "kafka:",
  '  brokers: ["127.0.0.1:9092"]',
  "group: archiver",
  "topics: [logs]",
  "sinks:",
  "  - { name: files, kind: fs, path: ./archive }",
];

/** `GOOD` with lines (numbered from 1) replaced, and lines after the last. */
export function edited(lines: Readonly<Record<number, string>>): string {
  const last = Math.max(GOOD.length, ...Object.keys(lines).map(Number));
  const all = Array.from({ length: last }, (_, i) => lines[i + 1] ?? GOOD[i] ?? "");
  return `${all.join("\n")}\n`;
}
