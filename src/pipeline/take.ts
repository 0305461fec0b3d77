import { batchId } from "../core/scope.ts";
import { blake3Hex } from "../core/digest.ts";
import type { Description } from "../core/description.ts";
import { descriptionOf, encodeDescription } from "../core/manifest.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Plan } from "../core/plan.ts";
import { holdsOf } from "../sdk/holds.ts";
import type { SealedBatch } from "../sdk/sink.ts";
import { SinkConflict } from "./alarm.ts";
import { amendedFiles, holdsFiles } from "./amended.ts";
import { sinkAt, vanished } from "./deliver-batch.ts";
import { markOf } from "./marks.ts";
import type { NamedSink, TaskPorts } from "./ports.ts";

export interface TakenBatch extends SealedBatch {
  /** The sink whose file it is; none: it was made. */
  readonly from?: NamedSink;
}

/** Reads a batch whole from a sink and judges it: what lies there is a claim, not a fact. */
export async function take(
  ports: TaskPorts,
  sink: number,
  start: bigint,
  plan: Plan | null,
  signal: AbortSignal,
): Promise<TakenBatch> {
  const named = sinkAt(ports, sink);
  const description = await described(ports, named, start, signal);
  if (description === undefined) {
    throw vanished(named, { description: { ...ports.scope, start } });
  }
  const batch = await stored(ports, named, description, plan, signal);
  const objection = await ports.judge.objection(batch, plan, signal);
  if (objection !== null) throw invalid(named, description, objection);
  return batch;
}

/** A batch as a sink has it, by its digest; whether it may count is not judged here. */
export async function stored(
  ports: TaskPorts,
  named: NamedSink,
  description: Description,
  plan: Plan | null,
  signal: AbortSignal,
): Promise<TakenBatch> {
  const batch = holdsFiles(named)
    ? await fileFrom(named, description, signal)
    : await withoutFile(ports, named, description, plan, signal);
  if (ports.records === null || batch.records !== undefined) return batch;
  const { records } = ports;
  return { ...batch, records: (s) => records.ofStored(batch, s) };
}

export async function described(
  ports: TaskPorts,
  named: NamedSink,
  start: bigint,
  signal: AbortSignal,
): Promise<Description | undefined> {
  const key = { ...ports.scope, start };
  const state = await named.sink.stat(key, "cheap", signal);
  if (state.is === "absent") return undefined;
  if (state.is === "damaged") {
    throw new SinkConflict(
      "primary-invalid",
      named,
      `sink ${named.name}, batch ${batchId(key)}: ${state.reason}`,
    );
  }
  return state.is === "data" ? state.description : descriptionOf(state.manifest);
}

/**
 * The sink knows the batch and keeps no file of it: another sink's file of the same content; where
 * nobody needs a file, the records; else the same offsets once more from Kafka.
 */
async function withoutFile(
  ports: TaskPorts,
  named: NamedSink,
  description: Description,
  plan: Plan | null,
  signal: AbortSignal,
): Promise<TakenBatch> {
  const withFiles = ports.sinks.filter(holdsFiles);
  for (const other of withFiles) {
    const there = await described(ports, other, description.start, signal);
    if (there === undefined || markOf(there.content) !== markOf(description.content)) continue;
    return fileFrom(other, there, signal);
  }
  const { sink } = named;
  if (withFiles.length === 0 && sink.readRecords !== undefined) {
    const read = sink.readRecords.bind(sink);
    return { description, bytes: new Uint8Array(0), records: (s) => read(description, s) };
  }
  const made = await remade(ports, description, plan, signal);
  if (made !== null) return made;
  const read = sink.readRecords?.bind(sink);
  const filed = read && (await ports.fileOfRecords(description, read(description, signal), signal));
  if (filed !== undefined && filed !== null) return filed;
  const text =
    `no sink keeps its file (digest ${description.seal.digest}), and ${whyNotMade(description)}: put the file back into a ` +
    `sink of files from a copy${goingOn(ports, named, withFiles)}`;
  throw invalid(named, description, text);
}

function whyNotMade({ format, seal }: Description): string {
  if (seal.encryption !== "none")
    return "an encrypted one is not made again without its plan, which alone has the salt, and Kafka's records";
  const why =
    format === "segment" ? "a segment is not made of records" : "its records do not make it";
  return `Kafka no longer has what makes it, and ${why}`;
}

/** Nobody goes on without the primary. */
function goingOn(ports: TaskPorts, named: NamedSink, withFiles: readonly NamedSink[]): string {
  if (named !== sinkAt(ports, 0) || holdsOf(named.sink.capabilities) !== "records") return "";
  const orders = withFiles.map((o) => `\`detach --sink ${o.name}\``).join(" and ");
  return `; if there is none, ${orders} goes on without it: its records are in ${named.name}`;
}

/** Null: Kafka no longer has what it was made of, or it was made otherwise. */
async function remade(
  ports: TaskPorts,
  description: Description,
  plan: Plan | null,
  signal: AbortSignal,
): Promise<SealedBatch | null> {
  try {
    const made = await ports.remake(description, plan, signal);
    // Another file of the same content would be refused by the sink that knows the batch, again and again.
    return encodeDescription(made.description) === encodeDescription(description) ? made : null;
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "offset-out-of-range") return null;
    throw error;
  }
}

async function fileFrom(
  named: NamedSink,
  description: Description,
  signal: AbortSignal,
): Promise<TakenBatch> {
  const bytes = await wholeFile(named, description, signal);
  if (bytes !== null) return { description, bytes, from: named };
  // A file that was rewrapped can be as long as before.
  for (const form of await amendedFiles(named, description, signal)) {
    if (form.seal.size !== description.seal.size) continue;
    const amended = await wholeFile(named, form, signal);
    if (amended !== null) return { description: form, bytes: amended, from: named };
  }
  const text = "its bytes are not what its description says (length or digest)";
  throw invalid(named, description, text);
}

/** Null: it is not what the description says. */
async function wholeFile(
  named: NamedSink,
  description: Description,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(description.seal.size);
  let at = 0;
  for await (const piece of named.sink.read(description, { from: 0 }, signal)) {
    if (at + piece.length > bytes.length) break;
    bytes.set(piece, at);
    at += piece.length;
  }
  return at === bytes.length && blake3Hex(bytes) === description.seal.digest ? bytes : null;
}

const invalid = (named: NamedSink, d: Description, text: string): SinkConflict =>
  new SinkConflict(
    "primary-invalid",
    named,
    `sink ${named.name}, batch ${batchId(d)} at ${d.seal.path}: ${text}`,
  );
