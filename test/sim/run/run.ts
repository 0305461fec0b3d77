import { marksIn } from "../check/marks.ts";
import { type Logs, checkArchive } from "../check/final.ts";
import { batchesOf, manifestsIn, type Seen } from "../check/archive.ts";
import { isCovered } from "../check/pruned.ts";
import { Violation } from "../check/violation.ts";
import { withoutLeftoverSignals } from "../core/composite-signals.ts";
import type { SimProcess } from "../core/process.ts";
import { KEYS } from "../world/keys.ts";
import { perform, quiet } from "../world/perform.ts";
import { losesPrimary } from "./scenario.ts";
import { isMisreadOfRecords, type Scenario, TOPIC } from "../world/settings.ts";
import { World } from "../world/world.ts";

export interface Outcome {
  readonly seed: number;
  /** Null: everything held. */
  readonly failure: { readonly rule: string; readonly text: string } | null;
  /** Over every line of the trace: two runs of one seed have the same. */
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly objects: number;
  readonly commits: number;
  readonly trace: readonly string[];
}

export interface RunOptions {
  /** Lines of the trace that are kept for a report; the newest. */
  readonly keep?: number;
  readonly onStart?: (process: SimProcess) => void;
  readonly onWorld?: (world: World) => void;
}

/**
 * After all faults are over everything has to be archived within this much of the run's own time. Longer than
 * between two looks of an idle daemon at what it has archived and committed.
 */
const PATIENCE_MS = 700_000;
const LOOK_MS = 2_000;
/** No run takes so many steps. */
const MAX_EVENTS = 400_000;
/** What was read wrong is taken for what is there. */
const GARBLED = ["primary-invalid", "sink-conflict", "manifest-invalid", "archive-foreign"];
/** Of stores. */
const READS = ["garbles", "misreads"];
const GONE = "offset-out-of-range";
/** Which stops a happening may ask an operator for. */
const MAY_STOP: Readonly<Record<string, readonly string[]>> = {
  truncate: ["log-changed"],
  "recreate-topic": [],
  // A daemon that comes by before the operator.
  damage: ["primary-invalid", "sink-conflict", "manifest-invalid"],
};

/** One run, from its scenario to its verdict. */
export const run = (scenario: Scenario, options: RunOptions = {}): Promise<Outcome> =>
  withoutLeftoverSignals(() => runWorld(scenario, options));

async function runWorld(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const trace = new Trace(options.keep ?? 0);
  const world = new World(scenario, {
    trace: (line) => trace.add(line),
    onStart: options.onStart ?? (() => undefined),
  });
  options.onWorld?.(world);
  for (const h of scenario.happenings) world.scheduler.after(h.at, () => perform(world, h));
  world.scheduler.after(scenario.quietAt, () => quiet(world));
  const unhandled = (reason: unknown): void => {
    world.failure ??= reason;
  };
  process.on("unhandledRejection", unhandled);
  const end = { at: 0, done: false };
  const look = (): void => {
    world.weigh();
    end.done = world.scheduler.now > scenario.quietAt && isDone(world);
    if (!end.done) world.scheduler.after(LOOK_MS, look);
  };
  look();
  const late = scenario.quietAt + PATIENCE_MS;
  try {
    await world.scheduler.run(
      () =>
        end.done ||
        world.failure !== null ||
        world.scheduler.now > late ||
        world.scheduler.fired > MAX_EVENTS,
    );
    // Rejections that nobody took are told in a turn of the real event loop.
    await new Promise((resolve) => setImmediate(resolve));
    if (world.failure === null) verdict(world, end.done);
  } catch (error) {
    world.failure ??= error;
  } finally {
    process.off("unhandledRejection", unhandled);
  }
  return {
    ...{ seed: scenario.seed, failure: failureOf(world.failure), hash: trace.hash },
    ...{ events: world.scheduler.fired, virtualMs: Math.round(world.scheduler.now) },
    ...{ objects: world.watch.objects, commits: world.watch.commits, trace: trace.lines },
  };
}

function failureOf(error: unknown): Outcome["failure"] {
  if (error === null) return null;
  if (error instanceof Violation) return { rule: error.rule, text: error.message };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { rule: "unhandled", text };
}

function verdict(world: World, done: boolean): void {
  const { scenario } = world;
  const happened = scenario.happenings.map((h) => h.do);
  const allowed = new Set(happened.flatMap((h) => MAY_STOP[h] ?? []));
  // Without what the commit said, nobody knows that only markers are gone.
  const garbled = scenario.happenings.some(
    (h) => h.do === "trouble" && READS.includes(h.what) && !isMisreadOfRecords(scenario, h),
  );
  if (garbled) for (const code of GARBLED) allowed.add(code);
  // Owners in two groups have no common plan: of two formats each can have its own file (decision 2).
  if (scenario.secondGroup && happened.includes("upgrade"))
    for (const code of ["primary-invalid", "sink-conflict"]) allowed.add(code);
  const confused = happened.includes("commits") || happened.includes("truncate");
  if (happened.includes("retain") && confused) allowed.add(GONE);
  for (const code of scenario.stops ?? []) allowed.add(code);
  const alarm = world.alarms.find((a) => !allowed.has(a.code) && !isLost(world, a));
  if (alarm !== undefined)
    throw new Violation("alarm", `partition ${alarm.partition}: ${alarm.code}: ${alarm.text}`);
  // What asks for an operator waits for one.
  if (!done && world.alarms.some((a) => a.code !== "log-changed")) return;
  if (!done) throw new Violation("progress", statusOf(world));
  checkArchive(world.stores, logsOf(world), KEYS);
  world.damages.checkMended();
}

/** A restored primary was the only one to have it, and Kafka no longer does: nothing else is left but to say so. */
function isLost(
  { scenario, stores }: World,
  { partition, code, text }: World["alarms"][number],
): boolean {
  const [primary] = stores;
  if (!losesPrimary(scenario.happenings) || primary === undefined) return false;
  if (code !== GONE && code !== "archive-emptied") return false;
  const offset = Number(/offset (\d+)/.exec(text)?.[1] ?? 0);
  const holds = (b: Seen): boolean =>
    b.partition === partition && (code !== GONE || (b.start <= offset && offset < b.end));
  return !stores.some((s) => batchesOf(s).some(holds));
}

function logsOf({ cluster }: World): Logs {
  const topics = [...cluster.deleted, ...cluster.topics.values()];
  return new Map(topics.map((t) => [t.id, t.partitions.map((p) => p.log)]));
}

/** Every record is in every sink, and every group knows. */
function isDone(world: World): boolean {
  if (world.operators.waiting.length > 0 || world.pauses.standing.length > 0) return false;
  if (!looksDone(world) || !isOwned(world)) return false;
  try {
    checkArchive(world.stores, logsOf(world), KEYS);
    return true;
  } catch (error) {
    // A log that was cut short is noticed by the next fetch: until then its new records are missing.
    if (error instanceof Violation && error.rule === "no-loss") return false;
    throw error;
  }
}

/** No partition was left behind by what operators did, in any group. */
function isOwned({ cluster, daemons, scenario }: World): boolean {
  if (!scenario.happenings.some((h) => h.do === "operate")) return true;
  const groups = scenario.secondGroup ? [daemons.slice(0, -1), daemons.slice(-1)] : [daemons];
  return groups.every((members) => {
    const owned = members.flatMap((r) => [...(r?.archiver.partitions ?? [])]);
    const parts = new Set(owned.map((p) => p.scope.partition));
    return cluster.topic(TOPIC).partitions.every((_, p) => parts.has(p));
  });
}

const NOTHING = { offset: 0, metadata: "" };

function looksDone(world: World): boolean {
  const { cluster, stores, scenario } = world;
  const groups = scenario.secondGroup ? ["first", "second"] : ["first"];
  return cluster.topic(TOPIC).partitions.every(({ log }, p) => {
    const last = log.truth.findLast((r) => r.state === "committed" && r.lost === null);
    if (last === undefined) return true;
    // Nor does it say of a sink that it lacks what it has by now.
    const knows = (g: string): boolean => {
      const { offset, metadata } = cluster.group(g).offsets.get(`${TOPIC}/${p}`) ?? NOTHING;
      return offset > last.offset && marksIn(metadata).size === 0;
    };
    if (!groups.every(knows)) return false;
    const { id } = cluster.topic(TOPIC);
    const [primary, ...others] = stores.map((s) => {
      const paths = manifestsIn(s, `manifests/${TOPIC}/${id}`);
      return paths.filter((path) => stores[0] === undefined || !isCovered(stores[0], path)).length;
    });
    if (others.some((n) => n !== primary)) return false;
    return stores.every((s) => world.watch.lacking(s, TOPIC, p, last.offset + 1) === null);
  });
}

function statusOf(world: World): string {
  const tasks = world.daemons.flatMap((r, d) =>
    r === null
      ? [`daemon ${d} is down`]
      : [...r.archiver.partitions].map(({ scope, task: { state: t } }) => {
          const slots = t.slots.map(
            (s) => `${s.start}-${s.end}${s.planned ? "p" : ""} ${s.steps.join()}`,
          );
          const behind = t.behind.map((b) => b ?? "-").join(",");
          return `d${d} p${scope.partition} ${t.phase} at ${t.position} c ${t.committed?.offset} behind ${behind} [${slots.join("; ")}]`;
        }),
  );
  const logs = world.cluster
    .topic(TOPIC)
    .partitions.map(({ log }, p) => `p${p} ${log.start}-${log.end} stable ${log.stable}`);
  const stores = world.stores.map((s) => `${s.name} ${s.objects.size}`);
  const offsets = [...world.cluster.groups].map(
    ([g, { offsets: o }]) => `${g} ${[...o].map(([k, v]) => `${k}@${v.offset}`).join(" ")}`,
  );
  return [
    ...tasks,
    ...world.operators.waiting,
    ...world.pauses.standing,
    ...logs,
    ...stores,
    ...offsets,
    lackingIn(world),
  ].join("\n  ");
}

function lackingIn(world: World): string {
  try {
    checkArchive(world.stores, logsOf(world), KEYS);
    return "the archive is whole";
  } catch (error) {
    return String(error);
  }
}

/** The newest lines, and a number over all of them. */
class Trace {
  readonly lines: string[] = [];
  readonly #keep: number;
  #hash = 0x811c9dc5;

  constructor(keep: number) {
    this.#keep = keep;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  add(line: string): void {
    let h = this.#hash;
    for (let i = 0; i < line.length; i += 1) h = Math.imul(h ^ line.charCodeAt(i), 0x01000193);
    this.#hash = h;
    if (this.#keep === 0) return;
    this.lines.push(line);
    if (this.lines.length > this.#keep) this.lines.shift();
  }
}
