import type { ContentMark, Description } from "../core/description.ts";
import type { Plan } from "../core/plan.ts";
import type { PlanMark } from "./state.ts";

/** The content mark as the state table compares it. */
export const markOf = (content: ContentMark): string =>
  "digest" in content ? content.digest : content.tag;

export const planMark = (p: Plan): PlanMark => ({
  start: p.start,
  end: p.end,
  mark: markOf(p.content),
});

/** The plan of a batch whose description is at hand: built here, or found in a sink (then without salt). */
export const planOf = (d: Description, level: number, salt: string | null): Plan => ({
  clusterId: d.clusterId,
  topicId: d.topicId,
  branch: d.branch,
  leaderEpoch: d.leaderEpoch,
  start: d.start,
  end: d.end,
  records: d.records,
  content: d.content,
  format: d.format,
  codec: d.seal.codec,
  level,
  keyId: d.seal.keyId ?? null,
  salt,
  firstTimestamp: d.minTimestamp,
  revision: d.revision,
});
