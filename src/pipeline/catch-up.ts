import { isWaitedFor } from "../core/errors.ts";
import { batchId } from "../core/scope.ts";
import { alarmOf, SinkConflict } from "./alarm.ts";
import { copyNext } from "./copy-next.ts";
import { sinkAt } from "./deliver-batch.ts";
import type { Event } from "./effect.ts";
import type { Links } from "./links.ts";
import { firstManifest } from "./first-manifest.ts";
import { headOf } from "./locate.ts";
import { fillLowerBranches } from "./lower-branches.ts";
import type { NamedSink, TaskPorts } from "./ports.ts";
import { isAttached, type Task } from "./state.ts";

/** Between looks at what the task has reached meanwhile. */
const LOOK_MS = 100;
/** Between looks at whether an operator still holds the sink away. */
const HELD_MS = 1_000;
/** Greater than every offset. */
const END_OF_TIME = (1n << 63n) - 1n;
const BACKOFF_MS = { first: 200, most: 15_000 };

export interface CatchUpPorts {
  readonly task: TaskPorts;
  readonly links: Links;
  readonly state: () => Task;
  readonly dispatch: (event: Event) => void;
}

/**
 * Fills a detached sink from the primary, in order, until it has all that the task has settled, and
 * attaches it there (rule 12). Creates only what the primary has whole, so it is safe beside the task,
 * beside another owner and after any crash. Ends when the sink is attached or the signal aborts; never
 * rejects: what contradicts the primary stops the partition.
 */
export async function catchUp(p: CatchUpPorts, sink: number, signal: AbortSignal): Promise<void> {
  const { clock, random } = p.task;
  const named = sinkAt(p.task, sink);
  for (let tries = 1; !signal.aborted; tries += 1) {
    try {
      const refusal = await named.claim.outcome;
      if (refusal !== null) throw refusal;
      await fill(p, named, sink, signal);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!isWaitedFor(error)) {
        p.dispatch(alarmOf(error));
        return;
      }
      const most = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(tries, 16));
      await rest(clock, most * (0.5 + random.unit() / 2), signal);
    }
  }
}

async function fill(
  p: CatchUpPorts,
  named: NamedSink,
  sink: number,
  signal: AbortSignal,
): Promise<void> {
  const primary = sinkAt(p.task, 0);
  const found = await headOf(p.task, named, p.links, signal);
  await refuseOtherChain(p.task, named, signal);
  let at = found === "empty" ? null : found.head;
  let lowerFilled = false;
  while (!signal.aborted && !isAttached(p.state(), sink)) {
    if (p.task.heldAway(sink)) {
      await rest(p.task.clock, HELD_MS, signal);
      continue;
    }
    if (!lowerFilled) await fillLowerBranches(p.task, sink, p.links, signal);
    lowerFilled = true;
    if (at === null && (await hasBatches(p.task, primary, signal))) {
      at = await firstManifest(p.task, primary, signal);
    }
    const state = p.state();
    const due = state.slots[0]?.start ?? state.position;
    if (state.phase === "running" && (at ?? due) === due) {
      p.dispatch({ of: "attach", sink, head: due });
      if (isAttached(p.state(), sink)) return;
    }
    const end = at === null ? null : await copyNext(p.task, named, sink, at, signal);
    if (end === null) await rest(p.task.clock, LOOK_MS, signal);
    else at = end;
  }
}

/** That both end at one offset does not mean that they have the same: the primary may have been made again. */
async function refuseOtherChain(
  task: TaskPorts,
  named: NamedSink,
  signal: AbortSignal,
): Promise<void> {
  const { scope } = task;
  const own = await named.sink.floor(scope, END_OF_TIME, signal);
  if (own === undefined) return;
  const primary = sinkAt(task, 0);
  const theirs = await primary.sink.floor(scope, own.start, signal);
  if (theirs === undefined || theirs.end <= own.start || theirs.link === own.link) return;
  const text =
    `sink ${named.name} has a batch ${batchId(own)} up to ${own.end}, and the primary another up to ${theirs.end} ` +
    "or another history before it: what the primary lost was made again while the sink was away";
  throw new SinkConflict("sink-conflict", named, text);
}

const hasBatches = async (
  task: TaskPorts,
  primary: NamedSink,
  signal: AbortSignal,
): Promise<boolean> => (await primary.sink.floor(task.scope, END_OF_TIME, signal)) !== undefined;

async function rest(clock: TaskPorts["clock"], ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch((reason: unknown) => {
    if (!signal.aborted) throw reason;
  });
}
