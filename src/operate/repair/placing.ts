import type { Amendment } from "../../core/amendment.ts";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { encodeManifest } from "../../core/manifest.ts";
import { batchId } from "../../core/scope.ts";
import type { Published, SealedBatch, State } from "../../sdk/sink.ts";
import type { Held } from "./operator.ts";
import type { Named } from "./verified.ts";

/** A batch as it has to be, everywhere. */
export interface Whole {
  readonly manifest: Manifest;
  readonly batch: SealedBatch;
  /** Of a file that was rewrapped: the batch's description is then that of the file now. */
  readonly amendments?: readonly Amendment[];
}

export type Placed =
  | { readonly is: "created" | "confirmed" | "replaced" }
  /** Something else is there, and nothing was changed. */
  | { readonly is: "different"; readonly text: string };

/** Data, then manifest, each create-only and compared: safe beside a daemon and another command. */
export async function place(named: Named, whole: Whole, signal: AbortSignal): Promise<Placed> {
  const data = await named.sink.publish(whole.batch, signal);
  if (data.outcome === "different") return different(data);
  for (const a of whole.amendments ?? []) {
    if ((await named.sink.amend?.(whole.manifest, a, signal)) === "different") {
      return { is: "different", text: `it has another amendment ${a.number}` };
    }
  }
  const described = await named.sink.describe(whole.manifest, signal);
  if (described.outcome === "different") return different(described);
  const created = data.outcome === "created" || described.outcome === "created";
  return { is: created ? "created" : "confirmed" };
}

/**
 * The same, and what is there and is another batch, or damaged, goes to `quarantine/` first. What was
 * judged is what goes: the sink compares the tag that was seen.
 */
export async function replace(
  named: Named,
  whole: Whole,
  held: Held,
  signal: AbortSignal,
): Promise<Placed> {
  const first = await place(named, whole, signal);
  if (first.is !== "different") return first;
  await setAside(named, whole.manifest, held, signal);
  const second = await place(named, whole, signal);
  return second.is === "different" ? second : { is: "replaced" };
}

/** @throws ArchiverError sink-permanent where the sink sets nothing aside */
async function setAside(
  { name, sink }: Named,
  key: Manifest,
  held: Held,
  signal: AbortSignal,
): Promise<void> {
  if (sink.setAside === undefined) {
    const text = `sink ${name} sets nothing aside: batch ${batchId(key)} has to be removed there by hand`;
    throw new ArchiverError("sink-permanent", text);
  }
  const state = await sink.stat(key, "bytes", signal);
  if (state.is === "absent") return;
  // Another command may have mended it before the pause.
  if (state.is === "whole" && encodeManifest(state.manifest) === encodeManifest(key)) return;
  held.check();
  await sink.setAside(key, state.tag, signal);
}

export const stateText = (state: State): string => {
  switch (state.is) {
    case "absent":
      return "nothing is there";
    case "damaged":
      return state.reason;
    case "data":
      return `[${state.description.start}, ${state.description.end}), sealed ${state.description.seal.digest}, without manifest`;
    case "whole":
      return `[${state.manifest.start}, ${state.manifest.end}), sealed ${state.manifest.seal.digest}, link ${state.manifest.link}`;
  }
};

const different = (p: Extract<Published, { outcome: "different" }>): Placed => ({
  is: "different",
  text: stateText(p.state),
});
