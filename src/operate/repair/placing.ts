import type { Amendment } from "../../core/amendment.ts";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { descriptionOf, encodeManifest } from "../../core/manifest.ts";
import { batchId } from "../../core/scope.ts";
import type { Published, SealedBatch, State } from "../../sdk/sink.ts";
import { certainState } from "./certain.ts";
import type { Held } from "./operator.ts";
import { keepsFiles, type Named } from "./verified.ts";

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
  const description = descriptionOf(whole.manifest);
  // A sink of records keeps what the manifest says of the file.
  const batch = keepsFiles(named) ? whole.batch : { ...whole.batch, description };
  const data = await named.sink.publish(batch, signal);
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
 * The same, and instead of what is there and is another batch, or damaged, which goes to `quarantine/`. What was
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
  const { batch, manifest } = whole;
  const sure = (): void => held.check();
  const mended = (await named.sink.mend?.(batch, manifest, sure, signal)) ?? "unable";
  const second = mended === "unable" ? first : await place(named, whole, signal);
  if (mended === "mended") return second.is === "different" ? second : { is: "replaced" };
  if (second.is !== "different") return second;
  // The sink replaces nothing, or its files are right and what it says of them is not.
  const aside = await setAside(named, manifest, held, signal);
  const third = await place(named, whole, signal);
  return aside && third.is !== "different" ? { is: "replaced" } : third;
}

/** False: it is not to be set aside. @throws ArchiverError sink-permanent where the sink sets nothing aside */
async function setAside(
  { name, sink }: Named,
  key: Manifest,
  held: Held,
  signal: AbortSignal,
): Promise<boolean> {
  if (sink.setAside === undefined) {
    const text = `sink ${name} sets nothing aside: batch ${batchId(key)} has to be removed there by hand`;
    throw new ArchiverError("sink-permanent", text);
  }
  const state = await certainState({ name, sink }, key, signal);
  if (state.is === "absent") return false;
  // Another command may have mended it before the pause.
  if (state.is === "whole" && encodeManifest(state.manifest) === encodeManifest(key)) return false;
  held.check();
  await sink.setAside(key, state.tag, signal);
  return true;
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
