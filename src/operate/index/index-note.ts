import type { Output } from "../output.ts";
import type { Say } from "./look-up.ts";

/** Says on stderr what is wrong with an index; the result is the same without it. */
export const indexNote =
  (out: Pick<Output, "note">): Say =>
  ({ path, start, text }) => {
    const batch = start === undefined ? "" : ` (batch ${start})`;
    out.note(`bulk-archiver: ${path}${batch} ${text}`);
  };
