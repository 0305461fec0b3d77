import { blake3 } from "@napi-rs/blake-hash";
import type { Scope } from "../../core/scope.ts";
import { scopeText } from "../../core/scope.ts";

/** Which files a run reads. A seed of its own for each run, so that nobody knows them beforehand. */
export interface Sampling {
  /** Of the files; 0 reads none, 100 all. */
  readonly percent: number;
  readonly seed: string;
}

export const EVERY_FILE: Sampling = { percent: 100, seed: "" };
export const NO_FILE: Sampling = { percent: 0, seed: "" };

/** The same files in every sink: chosen by seed and name alone. */
export const sampled =
  (scope: Scope, { percent, seed }: Sampling) =>
  (start: bigint): boolean => {
    if (percent >= 100 || percent <= 0) return percent >= 100;
    const name = Buffer.from(`${seed}\n${scopeText(scope)}/${start}`);
    return blake3(name).readUInt32BE(0) < (percent / 100) * 2 ** 32;
  };
