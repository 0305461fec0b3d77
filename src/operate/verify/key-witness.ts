import type { Manifest } from "../../core/description.ts";
import type { KeyFilters } from "../index/key-filters.ts";
import type { ForeignRecord } from "./foreign-decoder.ts";
import type { Tally } from "./tally.ts";

/** Holds each record's key against what the batch's filter of keys says of it. */
export type KeyWitness = (record: Pick<ForeignRecord, "offset" | "key">) => void;

/** `cat --key` believes a filter that says no. Undefined where the batch has none, or one that is not believed. */
export async function keyWitness(
  filters: KeyFilters | undefined,
  manifest: Manifest,
  tally: Tally,
  signal: AbortSignal,
): Promise<KeyWitness | undefined> {
  const found = await filters?.of(manifest, signal);
  if (found === undefined) return undefined;
  const { path } = found;
  const say = (text: string): void =>
    tally.problem({ code: "index-differs", path, start: manifest.start, text });
  if ("wrong" in found) {
    say(`cannot be read: ${found.wrong}`);
    return undefined;
  }
  let said = false;
  return ({ offset, key }) => {
    if (said || key === null || found.filter.mayHold(key)) return;
    // One is enough: a forged filter hides all of them.
    said = true;
    say(`hides the key of offset ${offset} from cat --key; delete it and run index --keys`);
  };
}
