import { isBuiltin } from "node:module";
import { messageOf } from "../core/message.ts";
import type { SinkPlugin } from "../sdk/sink.ts";
import { didYouMean } from "./suggest.ts";

export type SinkKinds = ReadonlyMap<string, SinkPlugin>;

/** The contract of `bulk-archiver/sdk` that this daemon keeps. */
const SDK = 1;

const PACKAGE = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/;

/**
 * The plugin of a kind: built in, or an npm package that exports one as `plugin` or by default. It is
 * looked for where the daemon's own packages are, never beside the configuration file: who installs
 * the daemon decides which code it runs (docs/decisions/0010).
 */
export async function findPlugin(
  kind: string,
  builtIn: SinkKinds,
): Promise<SinkPlugin | { readonly problem: string }> {
  const found = builtIn.get(kind);
  if (found !== undefined) return found;
  const kinds = [...builtIn.keys()];
  const hint = didYouMean(kind, kinds);
  const known = `known kinds: ${kinds.join(", ")}, or the name of an installed npm package`;
  if (!PACKAGE.test(kind) || isBuiltin(kind)) {
    return { problem: `unknown kind ${JSON.stringify(kind)}${hint}; ${known}` };
  }
  let loaded: Record<string, unknown>;
  try {
    loaded = (await import(kind)) as Record<string, unknown>;
  } catch (error) {
    if (isMissing(error, kind)) {
      return { problem: `unknown kind ${JSON.stringify(kind)}${hint}; ${known}` };
    }
    return { problem: `the package ${kind} cannot be loaded: ${messageOf(error)}` };
  }
  const plugin = loaded["plugin"] ?? loaded["default"];
  if (isPlugin(plugin)) return plugin;
  const sdk = (plugin as { sdk?: unknown } | undefined)?.sdk;
  if (typeof sdk === "number" && sdk !== SDK) {
    return { problem: `the package ${kind} is made for sdk ${sdk}, this daemon has sdk ${SDK}` };
  }
  return {
    problem: `the package ${kind} exports no sink plugin (sdk ${SDK}) as "plugin" or by default; ${known}`,
  };
}

const isMissing = (error: unknown, kind: string): boolean =>
  error instanceof Error &&
  (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND" &&
  error.message.includes(`'${kind}'`);

function isPlugin(value: unknown): value is SinkPlugin {
  if (typeof value !== "object" || value === null) return false;
  const { kind, sdk, schema, open } = value as Partial<Record<keyof SinkPlugin, unknown>>;
  const parses =
    typeof (schema as { safeParseAsync?: unknown } | undefined)?.safeParseAsync === "function";
  return typeof kind === "string" && sdk === SDK && parses && typeof open === "function";
}
