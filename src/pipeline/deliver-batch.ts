import {
  descriptionOf,
  encodeDescription,
  macOk,
  makeManifest,
  parseManifest,
} from "../core/manifest.ts";
import type { Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { batchId } from "../core/scope.ts";
import type { Published, SealedBatch, State } from "../sdk/sink.ts";
import { holdsFiles, isSameAmended, knowsForm, passAmendments } from "./amended.ts";
import type { Result } from "./effect.ts";
import type { Links } from "./links.ts";
import { markOf } from "./marks.ts";
import type { NamedSink, TaskPorts } from "./ports.ts";
import type { TakenBatch } from "./take.ts";

/** Data first (rule 3): the primary's answer decides, any other sink that differs is an alarm. */
export async function publish(
  ports: TaskPorts,
  slot: number,
  sink: number,
  batch: TakenBatch,
  signal: AbortSignal,
): Promise<Result> {
  const named = sinkAt(ports, sink);
  ports.failpoint("before-data", named.name);
  const answer = named.sink.publish(await forSink(ports, named, batch, signal), signal);
  // In the middle of the write: it was begun, and its outcome is not awaited.
  ports.failpoint("mid-data", named.name);
  const published = await answer;
  if (published.outcome !== "different") {
    ports.failpoint("after-data", named.name);
    return { of: "published", slot, sink };
  }
  const { state } = published;
  if (state.is === "absent") throw vanished(named, batch);
  if (state.is === "damaged") {
    return alarm(codeOf(sink), named, batch, `holds something invalid: ${state.reason}`);
  }
  if (sink !== 0) {
    const same = await isSameAmended(amending(ports, batch), batch.description, state, signal);
    return same ? { of: "published", slot, sink } : conflict(named, batch, state);
  }
  const found = state.is === "data" ? state.description : state.manifest;
  return { of: "differs", slot, sink, end: found.end, mark: markOf(found.content) };
}

/** A sink of records keeps what the manifest says of the file, which a `rewrap` may have made anew since. */
async function forSink(
  ports: TaskPorts,
  named: NamedSink,
  batch: TakenBatch,
  signal: AbortSignal,
): Promise<SealedBatch> {
  const { description, from } = batch;
  if (holdsFiles(named) || from === undefined || description.seal.encryption === "none")
    return batch;
  for (const { sink } of knowing(ports, batch)) {
    const bytes = await sink.manifest(description, signal);
    if (bytes === undefined) continue;
    const first = descriptionOf(parseManifest(bytes));
    const { seal } = description;
    const same = encodeDescription({ ...first, seal }) === encodeDescription(description);
    if (same) return { ...batch, description: first };
  }
  return batch;
}

/** Manifest last (rule 6): made once from the primary's chain, the same bytes for every sink. */
export async function describe(
  ports: TaskPorts,
  { slot, sink }: { readonly slot: number; readonly sink: number },
  manifest: Manifest,
  batch: TakenBatch,
  signal: AbortSignal,
): Promise<Result> {
  const named = sinkAt(ports, sink);
  await passAlong(ports, named, batch, manifest, signal);
  const described: Published = await named.sink.describe(manifest, signal);
  if (described.outcome !== "different") {
    ports.failpoint("after-manifest", named.name);
    return { of: "described", slot, sink };
  }
  const { state } = described;
  if (sink === 0 && state.is === "whole" && state.manifest.link === manifest.link) {
    // The same batch, vouched for with other keys: an owner before this one had written it by now.
    throw vanished(named, { description: manifest });
  }
  return alarm(
    codeOf(sink),
    named,
    { description: manifest },
    `has another manifest for it (${described.state.is})`,
  );
}

export async function manifestOf(
  ports: TaskPorts,
  links: Links,
  batch: SealedBatch,
  signal: AbortSignal,
): Promise<Manifest> {
  const { description } = batch;
  const { judge } = ports;
  const prevLink = await links.before(description.start, signal);
  const [macKey, signer] = [judge.macKeyOf(description), judge.signer];
  const manifest = makeManifest(description, prevLink, macKey ?? undefined, signer ?? undefined);
  links.saw(manifest);
  return manifest;
}

/**
 * As the primary has it, where it has one for this batch: keys may have changed since it was written,
 * and every sink gets the same bytes. What a restored primary lacks may have been rewrapped since: its manifest is the one
 * beside the file that was taken. What the chain is held against is made here all the same.
 */
export async function manifestFound(
  ports: TaskPorts,
  links: Links,
  batch: TakenBatch,
  signal: AbortSignal,
): Promise<Manifest> {
  const made = await manifestOf(ports, links, batch, signal);
  const { seal } = batch.description;
  const known = knowing(ports, batch);
  let bytes: Uint8Array | undefined;
  for (const { sink } of seal.encryption === "none" ? known.slice(0, 1) : known)
    bytes ??= await sink.manifest(batch.description, signal);
  if (bytes === undefined) return made;
  const found = parseManifest(bytes);
  const isAmended =
    found.seal.digest !== seal.digest &&
    (await knowsForm(amending(ports, batch), batch.description, signal)) !== undefined;
  const own = isAmended ? { ...found, seal } : found;
  const same =
    found.link === made.link &&
    encodeDescription(descriptionOf(own)) === encodeDescription(batch.description);
  return same && vouchedFor(ports, found) ? found : made;
}

/**
 * A file that was rewrapped takes its amendments along, also where the last of them gave it back the header that it
 * had at first.
 */
export async function passAlong(
  ports: TaskPorts,
  to: NamedSink,
  batch: TakenBatch,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<void> {
  const { description, from } = batch;
  const isAmended = description.seal.digest !== manifest.seal.digest;
  if (!isAmended && (from === undefined || description.seal.encryption === "none")) return;
  const asked = isAmended ? amending(ports, batch) : knowing(ports, batch);
  const knower = await knowsForm(asked, description, signal);
  if (knower !== undefined) await passAmendments(knower, to, manifest, signal);
  else if (isAmended) throw vanished(to, batch);
}

/** Whose manifest counts for a batch: the primary's, then the one beside the file that was taken. */
function knowing(ports: TaskPorts, { from }: TakenBatch): readonly NamedSink[] {
  const primary = sinkAt(ports, 0);
  return from === undefined || from === primary ? [primary] : [primary, from];
}

/** Who is asked for a batch's amendments; the others, of whom one may be away, only if the first do not know it. */
function amending(ports: TaskPorts, batch: TakenBatch): readonly NamedSink[] {
  const first = knowing(ports, batch);
  return [...first, ...ports.sinks.filter((named) => !first.includes(named))];
}

/** What was stored in the clear may be from before there was a seed. */
function vouchedFor({ judge }: TaskPorts, found: Manifest): boolean {
  const macKey = judge.macKeyOf(found);
  const early = found.mac === undefined && found.seal.encryption === "none";
  return macKey === null || early || macOk(found, macKey);
}

export function sinkAt(ports: TaskPorts, sink: number): NamedSink {
  const named = ports.sinks[sink];
  if (named === undefined) throw new ArchiverError("assertion-failed", `there is no sink ${sink}`);
  return named;
}

type AlarmCode = "primary-invalid" | "sink-conflict";

type Described = {
  readonly description: { readonly start: bigint } & Parameters<typeof batchId>[0];
};

/** What was found in a sink is gone: raised for a later try, after another look. */
export class VanishedError extends ArchiverError {}

export const vanished = (named: NamedSink, batch: Described): VanishedError =>
  new VanishedError(
    "sink-transient",
    `sink ${named.name}: ${batchId(batch.description)} was there and is gone; it is looked for again`,
  );

const codeOf = (sink: number): AlarmCode => (sink === 0 ? "primary-invalid" : "sink-conflict");

const alarm = (code: AlarmCode, named: NamedSink, batch: Described, text: string): Result => ({
  of: "alarm",
  code,
  sink: named.name,
  text: `sink ${named.name}, batch ${batchId(batch.description)}: ${text}`,
});

function conflict(named: NamedSink, batch: SealedBatch, state: State): Result {
  const theirs =
    state.is === "data"
      ? state.description
      : state.is === "whole"
        ? state.manifest
        : batch.description;
  const ours = batch.description;
  return alarm(
    "sink-conflict",
    named,
    batch,
    `holds ${theirs.start} to ${theirs.end}, sealed ${theirs.seal.digest}; the primary holds ` +
      `${ours.start} to ${ours.end}, sealed ${ours.seal.digest}`,
  );
}
