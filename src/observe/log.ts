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
  let [redact, known] = [redactor(secrets), secrets.length];
  const write = (line: string): void => {
    if (secrets.length !== known) [redact, known] = [redactor(secrets), secrets.length];
    to.write(redact(line));
  };
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

/** Cuts secrets out of a text, also as JSON spells them. */
export function redactor(secrets: readonly Secret[]): (text: string) => string {
  const values = secrets.flatMap((s) => {
    const plain = s.reveal();
    const spelled = JSON.stringify(plain).slice(1, -1);
    return [plain, spelled, encodeURIComponent(plain), Buffer.from(plain).toString("base64")];
  });
  // Longest first: one secret can begin with another.
  const unique = [...new Set(values)].filter((v) => v !== "").sort((a, b) => b.length - a.length);
  return (text) => unique.reduce((out, value) => out.replaceAll(value, "[redacted]"), text);
}
