import type { OperatorAnswer, OperatorRequest } from "../core/operator-requests.ts";
import type { Scope } from "../core/scope.ts";
import type { PerformRequest } from "./operator-desk.ts";
import type { Partition, Partitions } from "./partitions.ts";

export interface PerformPorts {
  readonly partitions: Partitions;
  /** In the order of the configuration; the first is the primary. */
  readonly sinks: readonly string[];
  /** Offsets of the record batch that `offset` lies inside of; null: a batch may begin there. */
  readonly inside: (
    scope: Scope,
    offset: bigint,
    signal: AbortSignal,
  ) => Promise<{ readonly from: bigint; readonly to: bigint } | null>;
  /** Begins tasks of owned partitions that have none. */
  readonly begin: () => Promise<void>;
}

type Answer = Omit<OperatorAnswer, "id">;

const done = (text: string): Answer => ({ is: "done", text });
const refused = (text: string): Answer => ({ is: "refused", text });
const working = (text: string): Answer => ({ is: "working", text });

/** What operators ask of a running daemon besides a pause. Asked again until it is done or refused. */
export function performRequest(ports: PerformPorts): PerformRequest {
  /** Ids of skips that a partition was begun anew for. */
  const skips = new Set<string>();
  return (request, partition, signal) => {
    const never = impossible(request, ports.sinks);
    if (never !== null) return Promise.resolve(never);
    if (partition === null) return Promise.resolve(whilePaused(request));
    switch (request.do) {
      case "skip":
        return skip(ports, request, partition, skips, signal);
      case "detach":
        return Promise.resolve(detach(ports, request.sink, partition));
      case "attach":
        return Promise.resolve(attach(ports, request.sink, partition));
    }
  };
}

/** What no partition's owner does, whether it is paused or not. */
function impossible(r: OperatorRequest, sinks: readonly string[]): Answer | null {
  if (r.do !== "detach" && r.do !== "attach") return null;
  if (!sinks.includes(r.sink)) return refused(`this pipeline has no sink ${r.sink}`);
  if (r.do === "attach" || r.sink !== sinks[0]) return null;
  return refused(`${r.sink} is the primary, which is never detached`);
}

/** A detached sink is not waited for from the beginning of a task on. */
const whilePaused = (r: OperatorRequest): Answer =>
  r.do === "skip"
    ? refused("the partition is paused: `resume` it first")
    : done("the partition is paused; it counts when it is resumed");

/** The partition begins anew, and gives up below `to` what it cannot have. */
async function skip(
  { partitions, begin, inside }: PerformPorts,
  { id, to, reason }: Extract<OperatorRequest, { do: "skip" }>,
  { scope, task, endOffset }: Partition,
  begun: Set<string>,
  signal: AbortSignal,
): Promise<Answer> {
  const committed = task.state.committed?.offset ?? null;
  if (committed !== null && committed >= to) {
    partitions.skip(scope, null);
    return begun.has(id)
      ? done(`committed up to ${committed}`)
      : refused(`offset ${committed} is committed already`);
  }
  if (begun.has(id)) {
    const { stop } = task.state;
    return stop === null ? working("") : refused(`stopped again: ${stop.text}`);
  }
  if (endOffset !== null && to > endOffset)
    return refused(`the log ends at offset ${endOffset}: nothing beyond it can be given up`);
  const batch = await inside(scope, to, signal);
  if (batch !== null)
    return refused(
      `offset ${to} lies inside the record batch of ${batch.from} to ${batch.to - 1n}, which is not ` +
        `taken apart: name ${batch.to}`,
    );
  begun.add(id);
  partitions.skip(scope, { to, text: reason });
  partitions.end(scope.topic, scope.partition);
  await begin();
  return working("");
}

/** Nobody goes on there, and what stopped it is not looked at again before somebody wants that. */
const STOPPED = done(
  "the partition has stopped: it counts when that begins anew (`pause` and `resume` it)",
);

function detach({ sinks }: PerformPorts, name: string, { task }: Partition): Answer {
  const sink = sinks.indexOf(name);
  task.dispatch({ of: "detach", sink, held: true });
  if (task.state.stop !== null) return STOPPED;
  const from = task.state.behind[sink] ?? null;
  return from === null ? working("") : done(`the others go on without it from offset ${from}`);
}

/** The request that held it away is gone already: it is being filled. */
function attach({ sinks }: PerformPorts, name: string, { task }: Partition): Answer {
  const sink = sinks.indexOf(name);
  if (task.state.stop !== null) return STOPPED;
  const from = task.state.behind[sink] ?? null;
  return done(from === null ? "it is waited for" : `it is filled from offset ${from} on`);
}
