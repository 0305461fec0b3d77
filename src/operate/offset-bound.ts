import { ArchiverError } from "../core/errors.ts";

/** `--from`, `--to`: an offset, or a time that stands for the first record at or after it. */
export type Bound =
  | { readonly offset: bigint }
  /** Milliseconds since the epoch. */
  | { readonly timeMs: bigint };

export interface BoundRange {
  readonly from: Bound | undefined;
  readonly to: Bound | undefined;
}

/** It ends before it begins; an offset and a time cannot be told. */
export function isTurned({ from, to }: BoundRange): boolean {
  if (from === undefined || to === undefined) return false;
  if ("offset" in from) return "offset" in to && from.offset > to.offset;
  return "timeMs" in to && from.timeMs > to.timeMs;
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Digits only: an offset; else RFC 3339. @throws ArchiverError `usage` */
export function parseBound(option: string, text: string): Bound {
  if (/^\d{1,19}$/.test(text)) return { offset: BigInt(text) };
  const timeMs = RFC3339.test(text) ? Date.parse(text.replace(" ", "T")) : Number.NaN;
  if (Number.isNaN(timeMs)) {
    const wanted = "expected an offset (digits) or a time such as 2026-01-31T08:00:00Z";
    throw new ArchiverError("usage", `${option} ${text}: ${wanted}`);
  }
  return { timeMs: BigInt(timeMs) };
}
