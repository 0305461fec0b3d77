import { blake3Hex } from "../../core/digest.ts";
import { encodeDescription, encodeManifest } from "../../core/manifest.ts";
import { batchId, type BatchKey } from "../../core/scope.ts";
import type { State } from "../../sdk/sink.ts";
import { SinkError } from "../../sdk/sink-error.ts";
import type { Named } from "./verified.ts";

/** So often at most, until two looks agree. */
const LOOKS = 4;

/** What somebody saw, and a text that is the same whenever the same was seen. */
export interface Look<T> {
  readonly value: T;
  readonly seen: string;
}

/**
 * A misread is another one the next time: only what is seen twice in a row is there, and only that may be
 * copied, or be a reason to set something aside. `first`: a look that was had already.
 * @throws SinkError sink-transient
 */
export async function certain<T>(
  named: Named,
  key: BatchKey,
  look: () => Promise<Look<T>>,
  first?: string,
): Promise<T> {
  let last = first;
  for (let looks = first === undefined ? 0 : 1; looks < LOOKS; looks += 1) {
    const { value, seen } = await look();
    if (seen === last) return value;
    last = seen;
  }
  const text = `sink ${named.name} reads batch ${batchId(key)} otherwise at every look: it is left where it is`;
  throw new SinkError("sink-transient", text);
}

/** The state of a batch, its bytes read. */
export const certainState = (named: Named, key: BatchKey, signal: AbortSignal): Promise<State> =>
  certain(named, key, async () => {
    const value = await named.sink.stat(key, "bytes", signal);
    return { value, seen: `${stateSeen(value)} ${await manifestSeen(named, key, signal)}` };
  });

/** A manifest as it is stored; `first`: as it was read once. */
export const certainManifest = (
  named: Named,
  key: BatchKey,
  first: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> => {
  const look = async (): Promise<Look<Uint8Array | undefined>> => {
    const value = await named.sink.manifest(key, signal);
    return { value, seen: seenOf(value) };
  };
  return certain(named, key, look, seenOf(first));
};

const manifestSeen = async (n: Named, key: BatchKey, signal: AbortSignal): Promise<string> =>
  seenOf(await n.sink.manifest(key, signal));

const seenOf = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? "" : blake3Hex(bytes);

function stateSeen(state: State): string {
  switch (state.is) {
    case "absent":
      return "absent";
    case "damaged":
      return state.reason;
    case "data":
      return encodeDescription(state.description);
    case "whole":
      return encodeManifest(state.manifest);
  }
}
