import type { Capabilities } from "./sink.ts";

/** What can be read back from a sink that says nothing of it. */
export const holdsOf = (c: Capabilities): NonNullable<Capabilities["holds"]> =>
  c.holds ?? (c.accepts === "sealed" ? "files" : "records");
