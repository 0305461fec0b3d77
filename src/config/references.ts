import { resolve } from "node:path";
import { messageOf } from "../core/message.ts";
import { boundedFile } from "../core/bounded-file.ts";
import type { ConfigDocument } from "./document.ts";
import type { Path } from "./problems.ts";
import { didYouMean } from "./suggest.ts";

/** A secret is a line, a token, a PEM file: more than this is the wrong file. */
export const MAX_VALUE_BYTES = 1 << 20;
const MAX_DEPTH = 32;

export const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g;
const SECRET_NAME = /secret|passw|passphrase|token|credential|api_?key|private_?key/i;
/** Where a secret is, which is none: `tokenFile`, `tokenEndpoint`. */
const PLACE_NAME = /(?:file|path|folder|dir|url|endpoint)$/i;

export interface Resolved {
  readonly value: unknown;
  /** Values that must never show: everything from files, and what stands under a secret's name. */
  readonly secrets: readonly string[];
  /** Paths of values that could not be resolved; their value is the empty string. */
  readonly failed: ReadonlySet<string>;
}

/**
 * Puts in what `${env:NAME}` and `${file:/path}` stand for; `$${` is a plain `${`. A file's last newline
 * is dropped. What is missing is reported at its place.
 */
export function resolveReferences(
  document: ConfigDocument,
  baseDir: string,
  env: NodeJS.ProcessEnv,
): Resolved {
  const secrets: string[] = [];
  const failed = new Set<string>();

  const reference = (text: string): string => {
    const [, scheme = "", name = ""] = /^(\w+):(.+)$/s.exec(text) ?? [];
    if (scheme === "env") return fromEnv(env, name);
    if (scheme === "file") {
      const value = fromFile(resolve(baseDir, name));
      secrets.push(value);
      return value;
    }
    const hint = didYouMean(scheme, ["env", "file"]);
    throw new BadReference(
      `\${${text}} is no reference${hint}: write \${env:NAME} or \${file:/path}`,
    );
  };

  const scalar = (path: Path, text: string): string => {
    try {
      const value = text.replaceAll(REFERENCE, (match: string, inner: string | undefined) => {
        if (match === "$${") return "${";
        if (!match.endsWith("}")) throw new BadReference(`${match} has no closing brace`);
        return reference(inner ?? "");
      });
      if (isSecretName(path)) secrets.push(value);
      const password = /^[a-z][a-z0-9+.-]*:\/\/[^/@:]*:([^/@]+)@/i.exec(value)?.[1];
      if (password !== undefined) secrets.push(password);
      return value;
    } catch (error) {
      if (!(error instanceof BadReference)) throw error;
      document.report(path, error.message);
      failed.add(JSON.stringify(path));
      return "";
    }
  };

  const walk = (path: Path, value: unknown): unknown => {
    if (path.length > MAX_DEPTH) {
      document.report(path, `nested deeper than ${MAX_DEPTH} levels`);
      return undefined;
    }
    if (typeof value === "string") return scalar(path, value);
    if (Array.isArray(value)) return value.map((item, i) => walk([...path, i], item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, walk([...path, k], v)]));
  };

  const value = walk([], document.value);
  return { value, secrets, failed };
}

/** Whether what stands there must not show. */
export function isSecretName(path: Path): boolean {
  const key = String(path.findLast((p) => typeof p === "string") ?? "");
  return SECRET_NAME.test(key) && !PLACE_NAME.test(key);
}

class BadReference extends Error {}

function fromEnv(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value !== undefined) return value;
  const hint = didYouMean(name, Object.keys(env));
  throw new BadReference(`the environment variable ${name} is not set${hint}`);
}

/** @throws BadReference */
function fromFile(path: string): string {
  try {
    const bytes = boundedFile(path, MAX_VALUE_BYTES);
    if (bytes === null) throw new BadReference(`${path} is larger than 1 MiB: the wrong file?`);
    return bytes.toString("utf8").replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof BadReference) throw error;
    throw new BadReference(`cannot read ${path}: ${messageOf(error)}`);
  }
}
