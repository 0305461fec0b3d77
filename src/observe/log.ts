import type { Writable } from "node:stream";
import { type Logger, pino, type LevelWithSilent } from "pino";
import type { Secret } from "../core/secret.ts";

export type Log = Logger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;

export interface LogOptions {
  readonly level: LevelWithSilent;
  /** Where lines go: stderr, for stdout is for documents. */
  readonly to: Pick<Writable, "write">;
  /** Values that are cut out of every line, wherever in it they stand; more can come later. */
  readonly secrets: readonly Secret[];
  readonly version: string;
}

/** JSON lines by pino. Offsets are integer literals, secrets are cut out of the finished line. */
export function openLog({ level, to, secrets, version }: LogOptions): Log {
  const redact = redactorOf(secrets);
  const write = (line: string): void => void to.write(redact(line));
  const destination = { write };
  return pino(
    {
      level,
      base: { version },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: "msg",
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/** As `redactor`, of a list to which more can come. */
export function redactorOf(secrets: readonly Secret[]): (text: string) => string {
  let [redact, known] = [redactor(secrets), secrets.length];
  return (text) => {
    if (secrets.length !== known) [redact, known] = [redactor(secrets), secrets.length];
    return redact(text);
  };
}

/** Fewer characters would be found in texts that have nothing to do with it. */
const MIN_BASE64_CHARS = 6;

/**
 * As it stands in base64, also behind a user's name (RFC 7617, RFC 4616): then it begins at any of three places
 * of a group, and what is its own in the first and last character is not known.
 */
function inBase64(plain: string): string[] {
  const bytes = Buffer.from(plain);
  const inside = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
  const found = [bytes.toString("base64"), ...inside.filter((t) => t.length >= MIN_BASE64_CHARS)];
  return found.flatMap((t) => [t, t.replaceAll("+", "-").replaceAll("/", "_")]);
}

/** Cuts secrets out of a text, also as JSON spells them. */
export function redactor(secrets: readonly Secret[]): (text: string) => string {
  const values = secrets.flatMap((s) => {
    const plain = s.reveal();
    const spelled = JSON.stringify(plain).slice(1, -1);
    return [plain, spelled, encodeURIComponent(plain), ...inBase64(plain)];
  });
  // Longest first: one secret can begin with another.
  const unique = [...new Set(values)].filter((v) => v !== "").sort((a, b) => b.length - a.length);
  return (text) => unique.reduce((out, value) => out.replaceAll(value, "[redacted]"), text);
}
