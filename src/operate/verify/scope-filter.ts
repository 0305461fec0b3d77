import type { Scope } from "../../core/scope.ts";

/** `verify` looks at every incarnation and branch that is not filtered out. */
export interface ScopeFilter {
  readonly topic?: string | undefined;
  readonly topicId?: string | undefined;
  readonly partition?: number | undefined;
  readonly branch?: number | undefined;
}

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
