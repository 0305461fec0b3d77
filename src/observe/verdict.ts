import { ERRORS, type ErrorCode } from "../core/errors.ts";
import { countWords, durationWords, timeWords } from "./duration-words.ts";
import type { LivePartition, LiveSink } from "./live-report.ts";
import type { Verdict } from "./status-report.ts";

/** What the sentence is made from; the same things that the page shows. */
export interface VerdictFacts {
  readonly nowMs: number;
  readonly sinks: readonly LiveSink[];
  readonly partitions: readonly LivePartition[];
  readonly oldestMs: number | null;
  readonly limitMs: number;
  readonly batchAgeMs: number;
  readonly retentionLeftMs: number | null;
  /** Why this process is no member of its group now; null: it is one. */
  readonly notMember: string | null;
  /** Codes of stopped partitions, by `topic/partition`. */
  readonly stops: ReadonlyMap<string, { readonly code: string; readonly text: string }>;
  readonly stopping: boolean;
}

type Todo = Verdict["todo"];

/** Is everything safe? The first of these that holds, the worst before the others. */
export function verdictOf(f: VerdictFacts): Verdict {
  return (
    stopped(f) ??
    parked(f) ??
    away(f) ??
    draining(f) ??
    kafka(f) ??
    joining(f) ??
    moving(f) ??
    paused(f) ??
    filling(f) ??
    behind(f) ??
    calm(f)
  );
}

/** Before the daemon can say more. */
export function startingVerdict(sinks: readonly LiveSink[], nowMs: number): Verdict {
  const bad = sinks.find((s) => s.level === "attention" || s.level === "human");
  if (bad === undefined) {
    const sentence = "Starting: Kafka and the sinks are being connected.";
    return { level: "none", code: "STARTING", title: "starting", sentence, second: "", todo: [] };
  }
  const since = bad.sinceMs === null ? "" : ` for ${durationWords(nowMs - bad.sinceMs)}`;
  return {
    level: bad.level,
    code: "STARTING",
    title: `waits for ${bad.name}`,
    sentence: `Starting: ${bad.name} has not answered${since}, and nothing is written before it does.`,
    second: `${bad.error?.text ?? ""} Everything stays in Kafka meanwhile.`.trim(),
    todo: checkSink(bad),
  };
}

const nameOf = (p: LivePartition): string => `${p.topic} ${p.partition}`;

function stopped(f: VerdictFacts): Verdict | null {
  const all = f.partitions.filter((p) => p.state === "stopped");
  const [first] = all;
  if (first === undefined) return null;
  const stop = f.stops.get(`${first.topic}/${first.partition}`);
  const who = all.length === 1 ? nameOf(first) : countWords(all.length, "partition");
  const needs = all.length === 1 ? "has stopped and needs you" : "have stopped and need you";
  const why = stop?.text ?? first.words ?? "see its details";
  const others = f.partitions.length - all.length;
  const goOn = others === 0 ? "" : ` The other ${countWords(others, "partition")} go on.`;
  const next = stop !== undefined && stop.code in ERRORS ? ERRORS[stop.code as ErrorCode].next : "";
  const scope = `--topic ${first.topic} --partition ${first.partition}`;
  return {
    level: "human",
    code: "STOPPED",
    title: `${who} stopped`,
    sentence: `${who} ${needs}: ${why}.`.replace(/\.\.$/, "."),
    second: `Nothing was overwritten.${goOn}${kept(f)}`,
    todo: [
      ...(next === "" ? [] : [{ text: next, command: null }]),
      {
        text: "Compare what the sinks hold",
        command: `bulk-archiver verify --across-sinks ${scope}`,
      },
    ],
  };
}

/** What waits is still in Kafka, and for how long. */
function kept({ retentionLeftMs }: VerdictFacts): string {
  if (retentionLeftMs === null) return "";
  if (retentionLeftMs <= 0)
    return " Retention has come near what is not archived: Kafka may delete it.";
  return ` Kafka keeps what waits for another ${durationWords(retentionLeftMs)}.`;
}

const checkSink = (s: LiveSink): Todo => [
  ...(s.todo === null ? [] : [{ text: s.todo, command: null }]),
  { text: "Ask the sink", command: `bulk-archiver check --sink ${s.name}` },
];

const waitText = (s: LiveSink): string =>
  s.waiting === 0 && s.lacking > 0
    ? `${countWords(s.lacking, "partition goes", "partitions go")} on without it and it is filled when it is back`
    : s.waiting === 0
      ? "nothing waits for it yet"
      : `${countWords(s.waiting, "partition waits", "partitions wait")} for it, nothing is lost`;

function parked(f: VerdictFacts): Verdict | null {
  const sink = f.sinks.find((s) => s.state === "parked");
  if (sink === undefined) return null;
  return {
    level: "human",
    code: "SINK_PARKED",
    title: `${sink.name} refuses the credentials`,
    sentence: `${sink.name} (${sink.kind}) refuses the credentials: ${waitText(sink)}.`,
    second: `It goes on by itself once they are right.${kept(f)}`,
    todo: checkSink(sink),
  };
}

function away(f: VerdictFacts): Verdict | null {
  const bad = f.sinks.filter((s) => s.level === "attention");
  const [sink] = bad;
  if (sink === undefined) return null;
  const since = sink.sinceMs === null ? "a while" : durationWords(f.nowMs - sink.sinceMs);
  const names = bad.map((s) => s.name).join(" and ");
  const have = bad.length === 1 ? `${names} (${sink.kind}) has` : `${names} have`;
  const next =
    sink.nextMs === null
      ? ""
      : ` ${sink.name} is tried again at ${timeWords(sink.nextMs, f.nowMs)}`;
  const others = f.sinks.length - bad.length;
  const rest =
    others === 0 ? "" : ` ${countWords(others, "other sink answers", "other sinks answer")}.`;
  return {
    level: "attention",
    code: "SINK_AWAY",
    title: `${names} away ${since}`,
    sentence: `${have} been away for ${since}: ${waitText(sink)}.`,
    second:
      `${next === "" ? "" : `${next.trim()} and catches up by itself.`}${rest}${kept(f)}`.trim(),
    todo: checkSink(sink),
  };
}

export const STOPPING =
  "Stopping: what is under way is delivered and committed, nothing new is begun.";

function draining(f: VerdictFacts): Verdict | null {
  if (!f.stopping) return null;
  return {
    level: "work",
    code: "STOPPING",
    title: "stopping",
    sentence: STOPPING,
    second: "What is not archived stays in Kafka for the next owner.",
    todo: [],
  };
}

/** As the partitions of this process say it. */
const FROM_KAFKA = /^Kafka: /;

function kafka(f: VerdictFacts): Verdict | null {
  const hit = f.partitions.filter((p) => p.self && FROM_KAFKA.test(p.words ?? ""));
  const [first] = hit;
  if (first === undefined) return null;
  const waits = countWords(hit.length, "partition waits", "partitions wait");
  const why = (first.words ?? "").replace(FROM_KAFKA, "");
  return {
    level: "attention",
    code: "KAFKA_AWAY",
    title: "Kafka does not answer",
    sentence: `Kafka does not answer as it should: ${waits}, and what is not archived stays there.`,
    second: `${why}. It is asked again by itself.`.replace("..", "."),
    todo: [{ text: "Ask Kafka and every sink", command: "bulk-archiver check" }],
  };
}

function joining(f: VerdictFacts): Verdict | null {
  if (f.notMember === null) return null;
  return {
    level: "work",
    code: "JOINING",
    title: "joining the group",
    sentence:
      "This process is no member of its group now: nothing is archived by it, nothing is lost.",
    second: `${f.notMember}.`.replace(/\.\.$/, "."),
    todo: [],
  };
}

function moving(f: VerdictFacts): Verdict | null {
  const n = f.partitions.filter((p) => p.state === "moving").length;
  const unowned = f.partitions.filter((p) => p.state === "unowned").length;
  if (n + unowned === 0) return null;
  const all = f.partitions.length;
  const change = n === 0 ? "" : `${n} of ${all} partitions are changing owner`;
  const none = unowned === 0 ? "" : `${unowned} of ${all} partitions have no owner`;
  return {
    level: "work",
    code: "MOVING",
    title: `${n + unowned} changing owner`,
    sentence: `${[change, none].filter((t) => t !== "").join(", ")}; nothing is lost.`,
    second: "The committed offset and the head of every sink are read before anything is written.",
    todo: [],
  };
}

function paused(f: VerdictFacts): Verdict | null {
  const n = f.partitions.filter((p) => p.state === "paused").length;
  if (n === 0) return null;
  const are = `${n} of ${countWords(f.partitions.length, "partition is", "partitions are")}`;
  return {
    level: "attention",
    code: "PAUSED",
    title: `${n} paused`,
    sentence: `${are} paused by an operator: their records stay in Kafka until they are resumed.`,
    second: `The others go on.${kept(f)}`,
    todo: [],
  };
}

/** The others went on without a sink: what they have confirmed is not in all of them. */
function filling(f: VerdictFacts): Verdict | null {
  const sink = f.sinks.find((s) => s.lacking > 0);
  if (sink === undefined) return null;
  const others = f.sinks.filter((s) => s.lacking === 0);
  const have =
    others.length === 1 ? `${others[0]?.name ?? ""} has` : `the other ${others.length} sinks have`;
  const upTo = timeWords(f.nowMs - (f.oldestMs ?? 0), f.nowMs);
  const lacks = `${sink.name} lacks batches of ${countWords(sink.lacking, "partition")}`;
  return {
    level: "attention",
    code: "SINK_FILLING",
    title: `${sink.name} is being filled`,
    sentence: `${lacks} and is being filled; ${have} confirmed up to ${upTo}.`,
    second: `The group went on without it, as whenAway says. Until it is filled do not take it as the only copy.${kept(f)}`,
    todo: [],
  };
}

function behind(f: VerdictFacts): Verdict | null {
  const { oldestMs, limitMs, nowMs } = f;
  if (oldestMs === null || oldestMs <= limitMs) return null;
  const n = f.partitions.filter((p) => p.state === "behind").length;
  return {
    level: "attention",
    code: "BEHIND",
    title: `behind ${durationWords(oldestMs)}`,
    sentence: `${allSinks(f)} confirmed up to ${timeWords(nowMs - oldestMs, nowMs)}; the oldest unconfirmed record is ${durationWords(oldestMs)} old.`,
    second: `${countWords(n, "partition is", "partitions are")} behind the limit of ${durationWords(limitMs)} and catching up.${kept(f)}`,
    todo: [],
  };
}

const allSinks = (f: VerdictFacts): string =>
  f.sinks.length === 1 ? `${f.sinks[0]?.name ?? ""} has` : `All ${f.sinks.length} sinks have`;

function calm(f: VerdictFacts): Verdict {
  const { nowMs, oldestMs, partitions } = f;
  const fresh = partitions.length > 0 && partitions.every((p) => p.state === "fresh");
  if (partitions.length === 0 || fresh) {
    const due = fresh
      ? `; the first batch is due within ${durationWords(f.batchAgeMs)} of its first record`
      : "";
    return {
      level: "none",
      code: fresh ? "FRESH" : "NOTHING_OWNED",
      title: fresh ? "nothing archived yet" : "no partitions here",
      sentence: fresh
        ? `Nothing archived yet${due}.`
        : "This process owns no partition: the others have them all.",
      second: "",
      todo: [],
    };
  }
  const upTo = timeWords(nowMs - (oldestMs ?? 0), nowMs);
  const pending =
    oldestMs === null
      ? "nothing is pending"
      : `nothing is pending for more than ${durationWords(oldestMs)}`;
  return {
    level: "ok",
    code: "OK",
    title: "all safe",
    sentence: `${allSinks(f)} confirmed up to ${upTo}, ${pending}.`,
    second: `${countWords(partitions.length, "partition has", "partitions have")} an owner. Nothing needs you.`,
    todo: [],
  };
}
