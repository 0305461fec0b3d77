import fc from "fast-check";
import { ArchiverError } from "../../src/core/errors.ts";

/** Where, and what: a bit flipped, a byte set, bytes cut out, put in, or repeated. */
export interface Mutation {
  readonly at: number;
  readonly how: "flip" | "set" | "cut" | "insert" | "repeat";
  readonly value: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom("flip", "flip", "set", "set", "cut", "insert", "repeat"),
  value: fc.nat(255),
});

export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(mutation, {
  minLength: 1,
  maxLength: 4,
});

const factor = Number(process.env["FUZZ_FACTOR"] ?? "1");

/** How many inputs a test tries; FUZZ_FACTOR=20 in the environment is for a long night. */
export const runs = (usual: number): { numRuns: number } => ({
  numRuns: Math.ceil(usual * factor),
});

/** What precedes `from` stays. */
export function mutated(bytes: Uint8Array, list: readonly Mutation[], from = 0): Buffer {
  let b = Buffer.from(bytes);
  for (const { at, how, value } of list) {
    if (b.length <= from) return b;
    // Half of them in the first bytes, where structure is.
    const span = value % 2 === 0 ? Math.min(b.length - from, 80) : b.length - from;
    const p = from + (at % span);
    if (how === "flip") b[p] = (b[p] as number) ^ (1 << (value & 7));
    else if (how === "set") b[p] = [0, 255, 127, 128, value][value % 5] as number;
    else if (how === "cut") b = Buffer.concat([b.subarray(0, p), b.subarray(p + 1 + (value % 9))]);
    else if (how === "insert")
      b = Buffer.concat([b.subarray(0, p), Buffer.from([value]), b.subarray(p)]);
    else b = Buffer.concat([b.subarray(0, p), b.subarray(p - Math.min(p, value)), b.subarray(p)]);
  }
  return b;
}

/** Pieces of a text that mean something to whoever reads it, put in the place of others. */
export const textMutation = (words: readonly string[]): fc.Arbitrary<(text: string) => string> =>
  fc
    .array(fc.record({ at: fc.nat(), take: fc.nat(12), put: fc.constantFrom(...words) }), {
      minLength: 1,
      maxLength: 4,
    })
    .map((list) => (text: string) => {
      let t = text;
      for (const { at, take, put } of list) {
        const p = t.length === 0 ? 0 : at % t.length;
        t = t.slice(0, p) + put + t.slice(p + take);
      }
      return t;
    });

/** The result, or undefined for an ArchiverError; anything else it throws is a crash and fails. */
export function attempt<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof ArchiverError) return undefined;
    throw error;
  }
}

/** As `attempt`, of what takes its time; and that it is not long. */
export async function attemptAsync<T>(
  call: () => Promise<T>,
  mostMs = 5_000,
): Promise<T | undefined> {
  const began = performance.now();
  const got = await call().catch((error: unknown) => {
    if (error instanceof ArchiverError) return undefined;
    throw error;
  });
  const took = performance.now() - began;
  if (took > mostMs) throw new Error(`${Math.round(took)} ms for one input`);
  return got;
}
