import type { SinkPlugin } from "../src/sdk/sink.ts";
import { fsPlugin } from "./fs/fs-plugin.ts";

/** Kinds the configuration can name without a package; every other kind is an npm name. */
export const builtInSinks: ReadonlyMap<string, SinkPlugin> = new Map<string, SinkPlugin>(
  [fsPlugin].map((plugin) => [plugin.kind, plugin as SinkPlugin]),
);
