/** What a text may hold before it is parsed: parsing nested or many values takes far more memory than their text. */
export interface JsonBounds {
  /** Brackets and braces inside one another. */
  readonly depth: number;
  /** Commas outside of strings, about. */
  readonly values: number;
}

/** Far above a manifest of as many holes as there may be. */
export const MANIFEST_BOUNDS: JsonBounds = { depth: 8, values: 500_000 };

/** Texts up to here are parsed as they are: whatever they hold is little. */
const SMALL_BYTES = 64 << 10;

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Why a JSON text in UTF-8 is not parsed; undefined where it may be. */
export function beyondBounds(text: Uint8Array, { depth, values }: JsonBounds): string | undefined {
  if (text.length <= SMALL_BYTES) return undefined;
  let [open, commas, inString] = [0, 0, false];
  for (let i = 0; i < text.length; i += 1) {
    const byte = text[i] ?? 0;
    if (inString) {
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) inString = false;
      continue;
    }
    if (byte === QUOTE) inString = true;
    else if (byte === COMMA && ++commas > values) return `has more than ${values} values`;
    else if (OPENING.has(byte) && ++open > depth) return `is nested more than ${depth} deep`;
    else if (CLOSING.has(byte)) open -= 1;
  }
  return undefined;
}
