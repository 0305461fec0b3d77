import { ArchiverError } from "../core/errors.ts";
import { scopeText } from "../core/scope.ts";
import { copyNext } from "./copy-next.ts";
import { sinkAt } from "./deliver-batch.ts";
import { firstManifest } from "./first-manifest.ts";
import type { Links } from "./links.ts";
import { headOf } from "./locate.ts";
import type { TaskPorts } from "./ports.ts";

const END_OF_TIME = (1n << 63n) - 1n;

/** A branch that ended, as far as the primary has it and a sink does not. */
interface Lacking {
  readonly ports: TaskPorts;
  /** Where the sink's run of it ends, which is where the primary's begins when it has nothing of it. */
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * A log that was cut short goes on in the next branch, and a sink that was away just then lacks the end of the
 * one before. Nobody works in that any more, so it is filled before the sink counts in the newer one. What the
 * primary itself has not whole of a branch that ended was never committed and stays as it is.
 */
export async function fillLowerBranches(
  task: TaskPorts,
  sink: number,
  links: Links,
  signal: AbortSignal,
): Promise<void> {
  const named = sinkAt(task, sink);
  for (let branch = 0; branch < task.scope.branch; branch += 1) {
    const lacking = await lackingOf(task, branch, sink, links, signal);
    if (lacking === null) continue;
    const { ports, to } = lacking;
    for (let at = lacking.from; at < to;) {
      signal.throwIfAborted();
      const end = await copyNext(ports, named, sink, at, signal);
      if (end === null) throw shrunk(ports, at);
      at = end;
    }
  }
}

/** Whether the sink lacks anything of a branch that ended. */
export async function lacksLowerBranches(
  task: TaskPorts,
  sink: number,
  links: Links,
  signal: AbortSignal,
): Promise<boolean> {
  for (let branch = 0; branch < task.scope.branch; branch += 1) {
    if ((await lackingOf(task, branch, sink, links, signal)) !== null) return true;
  }
  return false;
}

async function lackingOf(
  task: TaskPorts,
  branch: number,
  sink: number,
  links: Links,
  signal: AbortSignal,
): Promise<Lacking | null> {
  const ports: TaskPorts = { ...task, scope: { ...task.scope, branch } };
  const primary = sinkAt(ports, 0);
  const newest = await primary.sink.floor(ports.scope, END_OF_TIME, signal);
  if (newest === undefined) return null;
  const head = await headOf(ports, sinkAt(ports, sink), links, signal);
  if (head !== "empty")
    return head.head < newest.end ? { ports, from: head.head, to: newest.end } : null;
  return { ports, from: await firstManifest(ports, primary, signal), to: newest.end };
}

const shrunk = ({ scope }: TaskPorts, at: bigint): ArchiverError =>
  new ArchiverError(
    "sink-transient",
    `${scopeText(scope)}: the primary had a batch from offset ${at} on and shows none; it is asked again`,
  );
