import type { z } from "zod";
import { assert } from "./assert.ts";
import { checked } from "./checked.ts";
import { blake3Hex } from "./digest.ts";
import { parse, stringify } from "./json.ts";

/**
 * A document in the metadata of an offset commit, as a line of ASCII:
 *
 *     <magic> <checksum> <JSON>
 *
 * The broker's limit (`offset.metadata.max.bytes`) is 4096 unless somebody lowered it.
 */
const MAX_TEXT_CHARS = 4095;
const CHECKSUM_CHARS = 16;

/** @throws ArchiverError `assertion-failed` when it does not fit */
export function encodeLine(magic: string, value: unknown): string {
  // Kafka counts characters, and ASCII is one byte each whoever counts.
  const json = stringify(value).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const line = `${magic} ${checksum(json)} ${json}`;
  assert(line.length <= MAX_TEXT_CHARS, `${line.length} characters fit in no commit`);
  return line;
}

/** Never throws: what is not ours, was cut short or edited is `invalid`, and why. */
export function decodeLine<T>(
  magic: string,
  line: string,
  schema: z.ZodType<T>,
): T | { readonly invalid: string } {
  if (!line.startsWith(`${magic} `)) return { invalid: "not written by this product" };
  if (line.length > MAX_TEXT_CHARS) return { invalid: `${line.length} characters are too many` };
  const at = magic.length + 1;
  const json = line.slice(at + CHECKSUM_CHARS + 1);
  if (line.slice(at, at + CHECKSUM_CHARS + 1) !== `${checksum(json)} `) {
    return { invalid: "the checksum is wrong: the text was cut short or edited" };
  }
  try {
    const found = checked(schema, parse(json));
    return found.success ? found.data : { invalid: "written by a later version, or edited" };
  } catch (error) {
    if (error instanceof SyntaxError) return { invalid: "is not JSON" };
    throw error;
  }
}

const checksum = (json: string): string =>
  blake3Hex(Buffer.from(json, "utf8")).slice(0, CHECKSUM_CHARS);
