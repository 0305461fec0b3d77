import { ArchiverError } from "../core/errors.ts";
import type { Listed } from "../sdk/sink.ts";
import type { NamedSink, TaskPorts } from "./ports.ts";

/** Halvings of a range of 64-bit offsets. */
const MAX_STEPS = 64;

/**
 * Start of the first batch that is kept: the first there is, unless its data has expired. Then it is
 * looked for by halving, because expired batches may be very many and the oldest go first.
 */
export async function firstManifest(
  ports: TaskPorts,
  named: NamedSink,
  signal: AbortSignal,
): Promise<bigint> {
  const first = await listedFrom(ports, named, 0n, signal);
  if (first === undefined) {
    throw new ArchiverError(
      "sink-transient",
      `sink ${named.name} showed a manifest and then lists none; it is asked again`,
    );
  }
  const { start } = first;
  if (first.data !== undefined || !(await expiredAt(ports, named, start, signal))) return start;
  const last = await named.sink.floor(ports.scope, (1n << 63n) - 1n, signal);
  if (last === undefined) return start;
  // What begins at `gone` expired; nothing at or behind `kept` did.
  let [gone, kept] = [start, last.end];
  for (let step = 0; step < MAX_STEPS && kept - gone > 1n; step += 1) {
    const middle = gone + (kept - gone) / 2n;
    const found = await listedFrom(ports, named, middle, signal);
    const expired =
      found !== undefined &&
      found.data === undefined &&
      (await expiredAt(ports, named, found.start, signal));
    if (expired) gone = found.start;
    else kept = middle;
  }
  return (await listedFrom(ports, named, kept, signal))?.start ?? last.end;
}

async function listedFrom(
  { scope }: TaskPorts,
  { sink }: NamedSink,
  from: bigint,
  signal: AbortSignal,
): Promise<Listed | undefined> {
  for await (const listed of sink.list(scope, from, signal)) {
    if (listed.manifest !== undefined) return listed;
  }
  return undefined;
}

async function expiredAt(
  { scope, judge }: TaskPorts,
  { sink }: NamedSink,
  start: bigint,
  signal: AbortSignal,
): Promise<boolean> {
  const manifest = await sink.floor(scope, start, signal);
  return manifest?.start === start && judge.expired(manifest);
}
