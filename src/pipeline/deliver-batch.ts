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
import { formsKnown, isSameAmended, passAmendments } from "./amended.ts";
import type { Result } from "./effect.ts";
import type { Links } from "./links.ts";
import { markOf } from "./marks.ts";
import type { NamedSink, TaskPorts } from "./ports.ts";

/** Data first (rule 3): the primary's answer decides, any other sink that differs is an alarm. */
export async function publish(
  ports: TaskPorts,
  slot: number,
  sink: number,
  batch: SealedBatch,
  signal: AbortSignal,
): Promise<Result> {
  const named = sinkAt(ports, sink);
  ports.failpoint("before-data", named.name);
  const answer = named.sink.publish(batch, signal);
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
    const same = await isSameAmended(ports.sinks, batch.description, state, signal);
    return same ? { of: "published", slot, sink } : conflict(named, batch, state);
  }
  const found = state.is === "data" ? state.description : state.manifest;
  return { of: "differs", slot, sink, end: found.end, mark: markOf(found.content) };
}

/** Manifest last (rule 6): made once from the primary's chain, the same bytes for every sink. */
export async function describe(
  ports: TaskPorts,
  { slot, sink }: { readonly slot: number; readonly sink: number },
  manifest: Manifest,
  batch: SealedBatch,
  signal: AbortSignal,
): Promise<Result> {
  const named = sinkAt(ports, sink);
  const isAmended = batch.description.seal.digest !== manifest.seal.digest;
  if (isAmended) await passAmendments(ports.sinks, named, manifest, signal);
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
 * and every sink gets the same bytes. What the chain is held against is made here all the same.
 */
export async function manifestFound(
  ports: TaskPorts,
  links: Links,
  batch: SealedBatch,
  signal: AbortSignal,
): Promise<Manifest> {
  const made = await manifestOf(ports, links, batch, signal);
  const bytes = await sinkAt(ports, 0).sink.manifest(batch.description, signal);
  if (bytes === undefined) return made;
  const found = parseManifest(bytes);
  const { seal } = batch.description;
  const isAmended =
    found.seal.digest !== seal.digest &&
    (await formsKnown(ports.sinks, found, signal)).some((d) => d.seal.digest === seal.digest);
  const own = isAmended ? { ...found, seal } : found;
  const same =
    found.link === made.link &&
    encodeDescription(descriptionOf(own)) === encodeDescription(batch.description);
  return same && vouchedFor(ports, found) ? found : made;
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
