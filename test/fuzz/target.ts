import { ArchiverError } from "../../src/core/errors.ts";
import type { Dice } from "../sim/core/random.ts";

/** What of an input has a shape that mutations keep to. */
export type Shape = "bytes" | "text" | "json" | "lines" | "http";

/** Something that reads what others wrote. */
export interface Target {
  readonly name: string;
  readonly shape: Shape;
  /** Real inputs; each is taken as it is. */
  readonly seeds: readonly Buffer[];
  /** Words that mean something to the reader, put in the place of others. */
  readonly words?: readonly string[];
  /** Makes lengths and checksums right again, so that what lies behind them is reached. */
  readonly mend?: (input: Buffer, dice: Dice) => Buffer;
  /**
   * True when the input was taken, false when it was refused as it should be. Whatever it throws is
   * a fault of the product.
   */
  readonly read: (input: Buffer) => boolean | Promise<boolean>;
  /** After the last input. */
  readonly close?: () => Promise<void>;
}

/** True, or false for a refusal; any other error, and a broken assertion, goes on to the caller. */
export function taken(read: () => void): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

export async function takenAsync(read: () => Promise<void>): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

/** What comes from outside never breaks an assertion. */
const isRefusal = (error: unknown): boolean =>
  error instanceof ArchiverError && error.code !== "assertion-failed";

/** A claim about what was read. */
export function must(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new Error(`broken: ${claim}`);
}
