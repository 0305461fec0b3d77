import type { PerformRequest } from "./operator-desk.ts";
import type { Partitions } from "./partitions.ts";

/** What operators ask of a running daemon besides a pause. */
export const performRequest =
  (_partitions: Partitions): PerformRequest =>
  (request) =>
    Promise.resolve({ is: "refused", text: `${request.do} is not known to this version` });
