import type { Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { type Behind, type ChainHead, decodePlans } from "../core/plan-codec.ts";
import type { Plan } from "../core/plan.ts";
import { type BatchKey, batchId, type Scope, scopeText } from "../core/scope.ts";
import type { State } from "../sdk/sink.ts";
import { SinkConflict } from "./alarm.ts";
import { firstManifest } from "./first-manifest.ts";
import type { Links } from "./links.ts";
import { markOf, planMark } from "./marks.ts";
import type { NamedSink, TaskPorts } from "./ports.ts";
import type { Committed, Head, Look } from "./state.ts";

/** Greater than every offset. */
const END_OF_TIME = (1n << 63n) - 1n;

export interface ReadBack {
  readonly committed: Committed;
  readonly plans: readonly Plan[];
  readonly chain: ChainHead | null;
  readonly behind: readonly Behind[];
}

/** The committed offset with the plans that are ours; foreign or broken metadata holds none (rule 1). */
export async function readCommitted(ports: TaskPorts, signal: AbortSignal): Promise<ReadBack> {
  const { scope, clusterId } = ports;
  const stored = await ports.offsets.read(scope.topic, scope.partition, signal);
  const none = {
    committed: { offset: stored.offset, plans: [] },
    plans: [],
    chain: null,
    behind: [],
  };
  // Kafka forgets what was committed for a topic that is deleted, and the next one has its name.
  if (stored.offset === null && !(await ports.log.isStill(signal))) {
    const text = `${scopeText(scope)}: the topic of this id is gone, another one has its name`;
    throw new ArchiverError("topic-recreated", text);
  }
  if (stored.offset === null || stored.metadata === "") return none;
  const decoded = decodePlans(stored.metadata);
  if ("invalid" in decoded) {
    ports.emit({ what: "metadata-ignored", reason: decoded.invalid });
    return none;
  }
  const ours = decoded.plans.every(
    (p) => p.clusterId === clusterId && p.topicId === scope.topicId && p.branch === scope.branch,
  );
  if (decoded.plans.some((p) => p.clusterId === clusterId && p.topicId !== scope.topicId)) {
    ports.emit({ what: "metadata-ignored", reason: "committed for another topic of this name" });
    return { ...none, committed: { offset: null, plans: [] } };
  }
  if (!ours) {
    ports.emit({
      what: "metadata-ignored",
      reason: "plans of another cluster, topic id or branch",
    });
    return { ...none, chain: decoded.chain };
  }
  // What a sink has of such a batch its plan still vouches for; what none has is not waited for.
  const followed = (await isCutOff(ports, decoded.plans, signal)) ? [] : decoded.plans;
  return {
    committed: { offset: stored.offset, plans: followed.map(planMark) },
    plans: decoded.plans,
    chain: decoded.chain,
    behind: decoded.behind,
  };
}

/**
 * A plan that ends behind the log's end is of records that were cut off: an owner that has not read them itself
 * would wait for them to come.
 */
async function isCutOff(
  ports: TaskPorts,
  plans: readonly Plan[],
  signal: AbortSignal,
): Promise<boolean> {
  const last = plans.at(-1);
  if (last === undefined) return false;
  if (!(await ports.log.isCutShort(last.end, last.leaderEpoch, signal))) return false;
  const reason = `the log was cut short and ends before ${last.end}, up to which batches were planned`;
  ports.emit({ what: "metadata-ignored", reason });
  return true;
}

/**
 * Whether what was committed is of another topic of this name, which was deleted: by its chain, which ends in
 * the primary under that topic's id. A task that had not noticed yet may commit once more for the new one.
 */
export async function isOfAnotherTopic(
  { scope, sinks }: TaskPorts,
  chain: ChainHead | null,
  signal: AbortSignal,
): Promise<boolean> {
  const primary = sinks[0]?.sink;
  if (chain === null || chain.offset === 0n || primary === undefined) return false;
  for await (const other of primary.scopes(signal)) {
    const { topic, topicId, partition } = other;
    if (topic !== scope.topic || partition !== scope.partition || topicId === scope.topicId)
      continue;
    const last = await primary.floor(other, chain.offset - 1n, signal);
    if (last?.end === chain.offset && last.link === chain.link) return true;
  }
  return false;
}

/** Nothing is archived, and the group says otherwise: never taken for a new archive. */
export function refuseEmptied(scope: Scope, chain: ChainHead | null): void {
  if (chain === null) return;
  throw new ArchiverError(
    "archive-emptied",
    `${scopeText(scope)}: the group committed batches up to offset ${chain.offset}, and no sink holds ` +
      "any of this topic id: the sinks were emptied or are not mounted, the topic was created anew, " +
      "or the commit is another cluster's, brought by a mirror; nothing was written",
  );
}

/**
 * The head of the chain for a commit, so that a removed tail is noticed. An earlier head would be true as well,
 * but between this one and the committed offset there may be nothing but markers.
 */
export function chainAt(head: bigint, links: Links, before: ChainHead | null): ChainHead | null {
  const link = links.at(head);
  if (link !== undefined) return { offset: head, link };
  return before?.offset === head ? before : null;
}

/** The run of whole batches in a sink: its first start and its end. */
export async function headOf(
  ports: TaskPorts,
  named: NamedSink,
  links: Links,
  signal: AbortSignal,
): Promise<Head> {
  const last = await named.sink.floor(ports.scope, END_OF_TIME, signal);
  if (last === undefined) return "empty";
  const first = await firstManifest(ports, named, signal);
  const state = await stateOf(ports, named, last, signal);
  refuseDamaged(named, last, state);
  if (state.is !== "whole") {
    // The manifest outlived its data: the run ends before it, and the data is put back by a walk.
    return { first, head: last.start };
  }
  if (named === ports.sinks[0]) links.saw(last);
  return { first, head: last.end };
}

/**
 * What is there, where only the manifest of a batch that has expired counts as whole: nobody is to put
 * its data back.
 */
async function stateOf(
  ports: TaskPorts,
  named: NamedSink,
  key: BatchKey,
  signal: AbortSignal,
): Promise<State> {
  const state = await named.sink.stat(key, "cheap", signal);
  if (state.is !== "damaged" || state.withoutData === undefined) return state;
  const { withoutData: manifest, tag } = state;
  return ports.judge.expired(manifest) ? { is: "whole", manifest, tag } : state;
}

/** What covers or begins at a position in a sink (rule 7). */
export async function lookAt(
  ports: TaskPorts,
  named: NamedSink,
  at: bigint,
  signal: AbortSignal,
): Promise<Look> {
  const floor = await named.sink.floor(ports.scope, at, signal);
  const key: BatchKey = { ...ports.scope, start: at };
  if (floor !== undefined && floor.end > at) {
    const state = await stateOf(ports, named, floor, signal);
    refuseDamaged(named, floor, state);
    return state.is === "whole" ? whole(state.manifest) : "nothing";
  }
  const state = await stateOf(ports, named, key, signal);
  refuseDamaged(named, key, state);
  if (state.is === "whole") return whole(state.manifest);
  if (state.is !== "data") return "nothing";
  const { start, end, content } = state.description;
  return { start, end, mark: markOf(content), step: "data", link: null };
}

const whole = (m: Manifest): Look => ({
  start: m.start,
  end: m.end,
  mark: markOf(m.content),
  step: "whole",
  link: m.link,
});

function refuseDamaged(named: NamedSink, key: BatchKey, state: State): void {
  if (state.is !== "damaged") return;
  throw new SinkConflict(
    "primary-invalid",
    named,
    `sink ${named.name}, batch ${batchId(key)}: ${state.reason}`,
  );
}
