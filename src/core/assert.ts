import { ArchiverError } from "./errors.ts";

/** Throws `assertion-failed`; assertions stay on in production, because wrong is worse than stopped. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new ArchiverError("assertion-failed", what);
}

/** For the default branch of a switch that the compiler knows to be complete. */
export function unreachable(value: never): never {
  throw new ArchiverError("assertion-failed", `unreachable: ${String(value)}`);
}
