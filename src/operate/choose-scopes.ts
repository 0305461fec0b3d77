import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import type { Sink } from "../sdk/sink.ts";
import type { Arguments } from "./arguments.ts";

/** `--topic`, `--partition`, `--topic-id`, `--branch`. */
export interface ScopeFilter {
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly topicId: string | undefined;
  readonly branch: number | undefined;
}

export const scopeFilter = (args: Arguments): ScopeFilter => ({
  topic: args.text("topic"),
  partition: args.number("partition"),
  topicId: args.text("topicId"),
  branch: args.number("branch"),
});

/** Answers the id that a topic has now; undefined when there is no such topic or Kafka is not to be had. */
export type LiveTopicId = (topic: string) => Promise<string | undefined>;

const LAST_OFFSET = (1n << 63n) - 1n;

/**
 * What a command that reads one archive looks at: of each partition one topic id (the one named, else the
 * live topic's, else the newest) and of that one branch (the one named, else the newest). Ascending.
 * @throws ArchiverError nothing-in-scope
 */
export async function chooseScopes(
  sink: Sink,
  filter: ScopeFilter,
  liveId: LiveTopicId,
  signal: AbortSignal,
): Promise<readonly Scope[]> {
  const topics = new Map<string, Scope[]>();
  for await (const scope of sink.scopes(signal)) {
    if (!matches(scope, filter)) continue;
    const list = topics.get(scope.topic);
    if (list === undefined) topics.set(scope.topic, [scope]);
    else list.push(scope);
  }
  const chosen: Scope[] = [];
  for (const [topic, scopes] of topics) {
    const ids = new Set(scopes.map((s) => s.topicId));
    const [only] = ids;
    const id = ids.size === 1 ? only : await oneId(topic, scopes, sink, liveId, signal);
    chosen.push(...newestBranches(scopes.filter((s) => s.topicId === id)));
  }
  if (chosen.length === 0) {
    throw new ArchiverError("nothing-in-scope", `the sink holds no batch of ${scopeWords(filter)}`);
  }
  return chosen.sort(byName);
}

const matches = (scope: Scope, filter: ScopeFilter): boolean =>
  (["topic", "topicId", "partition", "branch"] as const).every(
    (field) => filter[field] === undefined || filter[field] === scope[field],
  );

export function scopeWords(filter: ScopeFilter): string {
  const { topic, partition, topicId, branch } = filter;
  const words = [
    ...(topic === undefined ? [] : [`topic ${topic}`]),
    ...(topicId === undefined ? [] : [`topic id ${topicId}`]),
    ...(partition === undefined ? [] : [`partition ${partition}`]),
    ...(branch === undefined ? [] : [`branch ${branch}`]),
  ];
  return words.length === 0 ? "any topic" : words.join(", ");
}

/** The topic was deleted and created again: several ids, of which one is meant. */
async function oneId(
  topic: string,
  scopes: readonly Scope[],
  sink: Sink,
  liveId: LiveTopicId,
  signal: AbortSignal,
): Promise<string> {
  const live = await liveId(topic);
  if (live !== undefined && scopes.some((s) => s.topicId === live)) return live;
  let newest = { id: "", at: -2n };
  for (const scope of scopes) {
    const last = await sink.floor(scope, LAST_OFFSET, signal);
    const at = last?.maxTimestamp ?? -1n;
    if (at > newest.at) newest = { id: scope.topicId, at };
  }
  return newest.id;
}

function newestBranches(scopes: readonly Scope[]): Scope[] {
  const newest = new Map<number, Scope>();
  for (const s of scopes) {
    if (s.branch >= (newest.get(s.partition)?.branch ?? 0)) newest.set(s.partition, s);
  }
  return [...newest.values()];
}

function byName(a: Scope, b: Scope): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition || a.branch - b.branch;
}
