import { inspect } from "node:util";
import { checkedLater } from "../core/checked.ts";
import type { SinkPlugin } from "../sdk/sink.ts";
import type { ConfigDocument } from "./document.ts";
import { reportIssues } from "./issues.ts";
import { sinkFields } from "./schema.ts";
import { findPlugin, type SinkKinds } from "./sink-kinds.ts";

/** What a plugin made of its own part of a sink's entry. */
export interface ParsedSink {
  readonly plugin: SinkPlugin;
  readonly config: unknown;
}

const COMMON = Object.keys(sinkFields);

/**
 * Checks each sink's own keys with its plugin's schema; what is wrong is reported at its place. By
 * index; undefined where something was wrong, also with the keys that all sinks have.
 */
export async function parseSinks(
  sinks: unknown,
  document: ConfigDocument,
  kinds: SinkKinds,
  failed: ReadonlySet<string>,
): Promise<readonly (ParsedSink | undefined)[]> {
  if (!Array.isArray(sinks)) return [];
  const parsed: (ParsedSink | undefined)[] = [];
  for (const [i, entry] of (sinks as unknown[]).entries()) {
    parsed.push(await parseSink(["sinks", i], entry, document, kinds, failed));
  }
  return parsed;
}

async function parseSink(
  at: readonly PropertyKey[],
  entry: unknown,
  document: ConfigDocument,
  kinds: SinkKinds,
  failed: ReadonlySet<string>,
): Promise<ParsedSink | undefined> {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const { kind } = entry as { kind?: unknown };
  if (typeof kind !== "string" || kind === "") return undefined;
  const plugin = await findPlugin(kind, kinds);
  if ("problem" in plugin) {
    document.report([...at, "kind"], plugin.problem);
    return undefined;
  }
  const own = Object.fromEntries(Object.entries(entry).filter(([key]) => !COMMON.includes(key)));
  const result = await checkedLater(plugin.schema, own, { reportInput: true });
  if (result.success) return { plugin, config: unprintable(result.data) };
  const issues = result.error.issues.filter((i) => !failed.has(JSON.stringify([...at, ...i.path])));
  reportIssues(issues, plugin.schema, { document, at, alsoKnown: COMMON });
  return undefined;
}

/** It may hold secrets as plain texts: a log line or a dump of the configuration shows none of it. */
function unprintable(config: unknown): unknown {
  if (typeof config !== "object" || config === null || !Object.isExtensible(config)) return config;
  const value = (): string => "[settings of the sink]";
  Object.defineProperty(config, "toJSON", { value });
  return Object.defineProperty(config, inspect.custom, { value });
}
