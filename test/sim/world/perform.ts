import { encodePlans } from "../../../src/core/plan-codec.ts";
import type { Plan } from "../../../src/core/plan.ts";
import type { Weather } from "../core/network.ts";
import { CLUSTER_ID } from "../kafka/cluster.ts";
import type { NewRecord } from "../kafka/log.ts";
import type { SimStore } from "../stores/store.ts";
import { manifestAt, manifestsIn, placeOf } from "../check/archive.ts";
import { isAmendment, manifestOf } from "../check/amended.ts";
import { damage } from "./damage.ts";
import { type Happening, isMisreadOfRecords, TOPIC, type Trouble } from "./settings.ts";
import type { World } from "./world.ts";

type Restoring = Extract<Happening, { do: "restore" }>;

const WEATHER: Record<string, Partial<Weather>> = {
  cut: { cut: true },
  "lost-requests": { lostRequests: 0.4 },
  "lost-answers": { lostAnswers: 0.4 },
  late: { late: 0.3 },
  slow: { delayMs: [200, 2_500] },
};

/** Longer than a session, so that whoever was stopped for an administrator's work is out of the group. */
export const ADMIN_MS = 9_000;

/** Longer than it takes until another topic id is noticed. */
export const RECREATED_MS = 40_000;

/** Lets one thing happen. */
export function perform(w: World, h: Happening): void {
  w.trace(`! ${JSON.stringify(h)}`);
  const { cluster } = w;
  switch (h.do) {
    case "produce":
      cluster.log(TOPIC, part(w, h.p)).produce(records(w, h.n), h.gzip ? "gzip" : "none", null);
      break;
    case "transaction":
      cluster.log(TOPIC, part(w, h.p)).produce(records(w, h.n), "none", h.producer);
      break;
    case "finish":
      for (const { log } of cluster.topic(TOPIC).partitions) log.finish(h.producer, h.aborted);
      break;
    case "crash":
      w.process(h.daemon)?.crashAt({ at: h.port, nth: h.nth, side: h.side });
      break;
    case "freeze":
      w.process(h.daemon)?.freeze(h.ms);
      break;
    case "stop":
      w.kill(h.daemon, h.ms);
      break;
    case "weather":
      w.conditions.spell(
        { daemon: h.daemon, target: h.target, change: WEATHER[h.what] ?? {} },
        h.ms,
      );
      break;
    case "delay":
      w.process(h.daemon)?.delay(h.port, h.ms);
      break;
    case "outage":
      w.conditions.spell(
        { daemon: null, target: w.stores[h.sink]?.name ?? "", change: { cut: true } },
        h.ms,
      );
      break;
    case "trouble":
      w.conditions.trouble(w.stores[h.sink]?.name ?? "", troubleOf(h.what), h.ms);
      if (isMisreadOfRecords(w.scenario, h)) w.scheduler.after(h.ms, () => w.startAnew());
      break;
    case "restore":
      restore(w, h);
      break;
    case "empty":
      byHand(w, h.sink, (store) => store.restore((path) => placeOf(path) === null));
      break;
    case "expire":
      expire(w, h.sink);
      break;
    case "put-back":
      byHand(w, h.sink, (store) => store.putBack());
      break;
    case "destroy":
      w.stores[h.sink]?.restore(() => false);
      break;
    case "damage":
      damage(w, h);
      break;
    case "move-coordinator":
      cluster.moveCoordinator(cluster.coordinator === 1 ? 2 : 1, h.loadMs);
      break;
    case "elect":
      elect(w, h.p);
      break;
    case "truncate":
      truncate(w, h.p, h.back);
      break;
    case "compact":
      compact(w, h.p, h.share);
      break;
    case "retain":
      retain(w, h.p);
      break;
    case "recreate-topic":
      recreate(w);
      break;
    case "more-partitions":
      cluster.grow(TOPIC, cluster.topic(TOPIC).partitions.length + 1);
      break;
    case "commits":
      commits(w, h.p, h.what);
      break;
    case "upgrade":
      w.settings = h.to;
      for (let d = 0; d < w.scenario.daemons; d += 1) w.kill(d);
      break;
    case "operate":
      w.operators.begin(h);
      break;
    case "clock":
      w.process(h.daemon)?.stepWall(h.ms);
      break;
  }
  cluster.changed();
}

/** Everything works from now on. */
export function quiet(w: World): void {
  w.trace("! quiet");
  for (const { log } of w.cluster.topic(TOPIC).partitions) log.finishAll();
  w.cluster.changed();
}

const part = (w: World, p: number): number => p % w.cluster.topic(TOPIC).partitions.length;

const troubleOf = (what: Trouble) => {
  if (what === "refuses-user") return { refusesUser: true };
  if (what === "garbles") return { garbles: 0.5 };
  if (what === "misreads") return { misreads: 0.5 };
  return what === "forgets" ? { forgets: 0.5 } : { throttled: true };
};

/** Values that are unlike any other of the run; some empty, some null. */
function records(w: World, n: number): NewRecord[] {
  return Array.from({ length: n }, () => {
    w.made += 1;
    const dice = w.dice.fork(`record ${w.made}`);
    const id = `${w.made}-${dice.int(0, 1e9)}`;
    const key = dice.chance(0.2) ? null : id;
    if (key !== null && dice.chance(0.05)) return { key, value: null };
    return { key, value: `${id} ${"x".repeat(dice.int(0, 120))}` };
  });
}

function elect(w: World, p: number): void {
  const found = w.cluster.topic(TOPIC).partitions[part(w, p)];
  if (found === undefined) return;
  found.leader = found.leader === 1 ? 2 : 1;
  found.log.elect();
}

function truncate(w: World, p: number, back: number): void {
  const found = w.cluster.topic(TOPIC).partitions[part(w, p)];
  if (found === undefined) return;
  found.leader = found.leader === 1 ? 2 : 1;
  found.log.truncate(Math.max(found.log.start, found.log.end - back));
  w.watch.forgetCommitted();
}

/** The daemons stop at it and say so; an operator starts them anew, which is all that the manual asks for. */
function recreate(w: World): void {
  w.cluster.recreate(TOPIC);
  w.watch.forgetCommitted();
  w.watch.unsure = true;
  w.scheduler.after(RECREATED_MS, () => {
    w.closeFor(ADMIN_MS);
    w.watch.forgetCommitted();
    w.watch.unsure = false;
    w.alarms.length = 0;
  });
}

function compact(w: World, p: number, share: number): void {
  const dice = w.dice.fork(`compact ${w.scheduler.now}`);
  w.cluster.log(TOPIC, part(w, p)).compact(() => dice.chance(share));
}

/** As far as every group has committed: what is left is only in the sinks. */
function retain(w: World, p: number): void {
  const partition = part(w, p);
  const groups = w.scenario.secondGroup ? ["first", "second"] : ["first"];
  const committed = groups.map(
    (g) => w.cluster.group(g).offsets.get(`${TOPIC}/${partition}`)?.offset ?? 0,
  );
  w.cluster.log(TOPIC, partition).retain(Math.min(...committed));
}

/** A sink goes back to a snapshot while nobody writes to it: all are stopped, then started again. */
function restore(w: World, { sink, back, whole = false }: Restoring): void {
  const store = w.stores[sink];
  if (store === undefined) return;
  w.closeFor(ADMIN_MS);
  w.scheduler.after(ADMIN_MS - 500, () => {
    w.operators.interrupt();
    goBack(w, store, { back, whole });
  });
}

/** All but the newest of each branch; the scenario sees to it that they are old enough. */
function expire(w: World, sink: number): void {
  const store = w.stores[sink];
  if (store === undefined) return;
  for (const branch of Map.groupBy(manifestsIn(store, "manifests"), branchAt).values())
    for (const path of branch.slice(0, -1)) {
      const { seal, end } = manifestAt(store, path);
      store.ruleEnds.set(branchAt(path), end);
      store.objects.delete(seal.path);
    }
}

const branchAt = (path: string): string => path.split("/").slice(1, 5).join("/");

/** An operator does what the error says that a partition stopped with. */
function byHand(w: World, sink: number, work: (store: SimStore) => void): void {
  const store = w.stores[sink];
  if (store === undefined) return;
  w.closeFor(ADMIN_MS);
  w.scheduler.after(ADMIN_MS - 500, () => {
    work(store);
    w.watch.restored(store);
    w.alarms.length = 0;
  });
}

/** An amendment goes with its batch. */
const startOf = (path: string): number | undefined =>
  placeOf(isAmendment(path) ? manifestOf(path) : path)?.start;

function goBack(
  w: World,
  store: SimStore,
  { back, whole }: Required<Pick<Restoring, "back" | "whole">>,
): void {
  const starts = [...store.objects.keys()].map((p) => startOf(p) ?? 0);
  const cut = Math.max(0, ...starts) * (1 - back);
  const kept = new Set(store.paths("documents").filter((path) => batchOf(store, path) < cut));
  const keep = (path: string): boolean =>
    path.startsWith("documents/") ? kept.has(path) : (startOf(path) ?? -1) < cut;
  if (whole) store.restoreWhole(keep);
  else store.restore(keep);
  w.watch.restored(store);
}

/** Where the batch of a document begins; those of one that is still being written belong to none. */
function batchOf(store: SimStore, document: string): number {
  const scope = document.slice(document.indexOf("/"), document.lastIndexOf("/"));
  const starts = store.paths(`data${scope}`).map((path) => placeOf(path)?.start ?? 0);
  const offset = Number(document.slice(-20));
  return starts.findLast((start) => start <= offset) ?? Number.POSITIVE_INFINITY;
}

/** What an administrator does to committed offsets, for which the group has to be empty. */
function commits(w: World, p: number, what: "wipe" | "foreign" | "rewind" | "lose"): void {
  w.closeFor(ADMIN_MS);
  const partition = part(w, p);
  const key = `${TOPIC}/${partition}`;
  w.scheduler.after(ADMIN_MS - 500, () => {
    const { offsets } = w.cluster.group("first");
    const found = offsets.get(key);
    if (found === undefined) return;
    const { offset } = found;
    w.watch.forgetCommitted();
    if (what === "lose") offsets.delete(key);
    else if (what === "wipe") offsets.set(key, { offset, metadata: "" });
    else if (what === "rewind") {
      const to = w.dice.int(w.cluster.log(TOPIC, partition).start, offset);
      offsets.set(key, { offset: to, metadata: "" });
      w.watch.given("first", partition, to);
    } else offsets.set(key, { offset, metadata: foreignPlan(w, partition, offset) });
  });
}

/** A plan that is well formed, of this topic, and that nobody made. */
function foreignPlan(w: World, partition: number, offset: number): string {
  const end = w.cluster.log(TOPIC, partition).end;
  if (end <= offset) return "ba1 nonsense";
  const digest = "ab".repeat(32);
  const plan: Plan = {
    ...{ clusterId: CLUSTER_ID, topicId: w.cluster.topic(TOPIC).id, branch: 0, leaderEpoch: 0 },
    ...{ start: BigInt(offset), end: BigInt(w.dice.int(offset + 1, end)), records: 1n },
    content: { algorithm: "blake3", digest },
    ...{ format: "segment", codec: "none", level: 3 },
    ...{ keyId: null, salt: null, firstTimestamp: 1n, revision: 0 },
  };
  return encodePlans({ plans: [plan], chain: null, behind: [] });
}
