import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import type { Sink } from "../sdk/sink.ts";

export interface ScopeFilter {
  readonly topic?: string | undefined;
  readonly topicId?: string | undefined;
  readonly partition?: number | undefined;
  readonly branch?: number | undefined;
}

const LAST_OFFSET = (1n << 63n) - 1n;

export const inFilter = (scope: Scope, filter: ScopeFilter): boolean =>
  (["topic", "topicId", "partition", "branch"] as const).every(
    (field) => filter[field] === undefined || filter[field] === scope[field],
  );

/** By topic, id, partition and branch. */
export function byScope(a: Scope, b: Scope): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  if (a.topicId !== b.topicId) return a.topicId < b.topicId ? -1 : 1;
  return a.partition - b.partition || a.branch - b.branch;
}

/**
 * One incarnation of each topic and one branch of each partition: what the filter names, else the
 * live topic's id, else the id archived last; and the newest branch. Ascending.
 * @throws ArchiverError `nothing-in-scope`
 */
export async function chooseScopes(
  sink: Sink,
  filter: ScopeFilter,
  liveTopicId: (topic: string) => string | undefined,
  signal: AbortSignal,
): Promise<readonly Scope[]> {
  const all: Scope[] = [];
  for await (const scope of sink.scopes(signal)) if (inFilter(scope, filter)) all.push(scope);
  const chosen: Scope[] = [];
  for (const topic of new Set(all.map((scope) => scope.topic))) {
    const ofTopic = all.filter((scope) => scope.topic === topic);
    const topicId = await incarnation(sink, ofTopic, liveTopicId(topic), signal);
    for (const scope of ofTopic) {
      const newer = ofTopic.some(
        (s) => s.topicId === topicId && s.partition === scope.partition && s.branch > scope.branch,
      );
      if (scope.topicId === topicId && !newer) chosen.push(scope);
    }
  }
  if (chosen.length > 0) return chosen.sort(byScope);
  const asked = Object.entries(filter).filter(([, value]) => value !== undefined);
  const named = asked.map(([field, value]) => `${field} ${value}`).join(", ");
  throw new ArchiverError("nothing-in-scope", `the sink holds nothing${named === "" ? "" : ` of ${named}`}`);
}

async function incarnation(
  sink: Sink,
  scopes: readonly Scope[],
  live: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ids = new Set(scopes.map((scope) => scope.topicId));
  if (live !== undefined && ids.has(live)) return live;
  if (ids.size === 1) return scopes[0]?.topicId;
  let newest: { topicId: string; timestamp: bigint } | undefined;
  for (const scope of scopes) {
    const last = await sink.floor(scope, LAST_OFFSET, signal);
    const timestamp = last?.maxTimestamp ?? -1n;
    if (newest === undefined || timestamp > newest.timestamp) newest = { topicId: scope.topicId, timestamp };
  }
  return newest?.topicId;
}
