/** In a checkout the sources run as they are; in the npm package they are compiled beside each other. */
const SOURCES = import.meta.url.endsWith(".ts");

/** A module of our own that is started rather than imported, by the name it has where this runs. */
export const asInstalled = (module: URL): URL =>
  SOURCES ? module : new URL(module.href.replace(/\.ts$/, ".js"));
