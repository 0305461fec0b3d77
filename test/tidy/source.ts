import { dirname, join, normalize } from "node:path";

/** One import (or re-export) of one file, as written: this reads the house's own style, not all of TypeScript. */
export interface Import {
  readonly from: string;
  /** A path below the root when `local`, else the name of a package or `node:` module. */
  readonly to: string;
  readonly local: boolean;
  readonly typesOnly: boolean;
  /** By a call, when it is needed. */
  readonly late: boolean;
  /** `*` takes everything. */
  readonly names: readonly string[];
}

export const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/[^\n]*/g, "$1");

const STATEMENT = /^(?:import|export)\s+(type\s+)?(?:([^;"]*?)\s*from\s*)?"([^"]+)"/gm;
const CALL = /\bimport\(\s*"([^"]+)"/g;
const URL_OF = /new URL\(\s*"([^"]+\.ts)"/g;

export function importsOf(from: string, raw: string): Import[] {
  const text = withoutComments(raw);
  const found: Import[] = [];
  for (const [, type, clause = "", to = ""] of text.matchAll(STATEMENT)) {
    const inBraces = /\{([^}]*)\}/.exec(clause)?.[1] ?? "";
    const listed = inBraces
      .split(",")
      .map((n) => n.trim())
      .filter((n) => n !== "");
    const typesOnly =
      type !== undefined ||
      (/^\{[^}]*\}$/.test(clause) &&
        listed.length > 0 &&
        listed.every((n) => n.startsWith("type ")));
    const names = listed.map((n) => n.replace(/^type\s+/, "").split(/\s+as\s+/)[0] ?? "");
    if (clause.includes("*")) names.push("*");
    found.push({ from, ...target(from, to), typesOnly, late: false, names });
  }
  // What is imported by a call, or started as a process or worker, is used as a whole.
  for (const pattern of [CALL, URL_OF]) {
    for (const [, to = ""] of text.matchAll(pattern)) {
      found.push({ from, ...target(from, to), typesOnly: false, late: true, names: ["*"] });
    }
  }
  return found;
}

function target(from: string, to: string): { to: string; local: boolean } {
  if (!to.startsWith(".")) return { to, local: false };
  return { to: normalize(join(dirname(from), to)), local: true };
}

const EXPORTED =
  /^export\s+(?:abstract\s+)?(?:async\s+)?(const|let|function\*?|class|interface|type)\s+([A-Za-z_$][\w$]*)/gm;

/**
 * Exports of `files` that no import takes, as `path: name`. A type that its own file mentions again
 * is part of what that file offers: callers meet it in a signature without naming it.
 */
export function deadExports(
  files: readonly string[],
  imports: readonly Import[],
  textOf: (path: string) => string,
): string[] {
  const taken = new Map<string, Set<string>>();
  for (const { to, local, names } of imports) {
    if (!local) continue;
    const set = taken.get(to) ?? new Set();
    for (const n of names) set.add(n);
    taken.set(to, set);
  }
  return files.flatMap((path) => {
    const used = taken.get(path);
    if (used?.has("*") === true) return [];
    const text = withoutComments(textOf(path));
    const dead = [...text.matchAll(EXPORTED)].filter(([, kind, name = ""]) => {
      const isType = kind === "interface" || kind === "type";
      const mentions = text.split(new RegExp(`\\b${name.replaceAll("$", "\\$")}\\b`)).length - 1;
      return used?.has(name) !== true && !(isType && mentions > 1);
    });
    return dead.map((m) => `${path}: ${m[2] ?? ""}`);
  });
}
