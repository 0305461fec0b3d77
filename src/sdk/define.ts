import type { SinkPlugin } from "./sink.ts";

/**
 * What a sink's package exports as `plugin`. The schema says what `open` gets: keys that it does not
 * know are refused with file, line and column, and so is what its checks refuse.
 */
export const defineSink = <C>(plugin: SinkPlugin<C>): SinkPlugin<C> => plugin;
