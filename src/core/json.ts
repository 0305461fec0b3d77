/**
 * JSON with 64-bit integers: a bigint is written as an integer literal; on reading, an integer
 * literal that a double cannot hold exactly comes back as a bigint instead of being rounded.
 */
export function stringify(value: unknown, space?: number): string {
  try {
    // A replacer is asked for every value, which takes several times as long: most texts need none.
    return JSON.stringify(value, undefined, space);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  // A bigint is a TypeError; so is a circle, which is one again here.
  return JSON.stringify(
    value,
    (_key, v: unknown) => (typeof v === "bigint" ? rawJson(v.toString()) : v),
    space,
  );
}

/** An integer that a double cannot hold has at least so many digits; without one no reviver is needed. */
const LONG_INTEGER = /\d{16}/;

/** @throws SyntaxError when the text is not JSON. */
export function parse(text: string): unknown {
  if (!LONG_INTEGER.test(text)) return JSON.parse(text);
  const reviver = (_key: string, v: unknown, context?: { source?: string }): unknown => {
    if (typeof v !== "number" || Number.isSafeInteger(v) || context?.source === undefined) return v;
    return /^-?\d+$/.test(context.source) ? BigInt(context.source) : v;
  };
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
}

// JSON.rawJSON is in every Node this product supports; TypeScript's library does not name it yet.
const rawJson = (text: string): unknown =>
  (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
