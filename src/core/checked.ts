import { z } from "zod";

interface Options {
  readonly reportInput?: boolean;
}

/**
 * What a schema makes of a value that others wrote. Zod compares what has a `length` with its bounds before it
 * knows that it is a text or a list, and throws when that length is an object that is no number: a
 * refusal like any other.
 */
export function checked<T>(
  schema: z.ZodType<T>,
  value: unknown,
  options: Options = {},
): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value, options);
  } catch (error) {
    return refusedFor(error, value);
  }
}

/**
 * As `checked`, without the keys that the schema does not know: those of a later version, which adds keys. What
 * else is wrong is still refused.
 */
export function checkedKnown<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  const found = checked(schema, value);
  if (found.success) return found;
  const own = structuredClone(value);
  for (const issue of found.error.issues) {
    if (issue.code !== "unrecognized_keys") return found;
    const holder = issue.path.reduce<unknown>((at, key) => Reflect.get(at as object, key), own);
    for (const key of issue.keys) Reflect.deleteProperty(holder as object, key);
  }
  return checked(schema, own);
}

/** As `checked`, where a schema may ask others. */
export async function checkedLater<T>(
  schema: z.ZodType<T>,
  value: unknown,
  options: Options = {},
): Promise<z.ZodSafeParseResult<T>> {
  try {
    return await schema.safeParseAsync(value, options);
  } catch (error) {
    return refusedFor(error, value);
  }
}

function refusedFor<T>(error: unknown, value: unknown): z.ZodSafeParseResult<T> {
  if (!(error instanceof TypeError)) throw error;
  const why = "something in it has a length that is no number";
  const refused = z.never({ error: why }).safeParse(value);
  return { success: false, error: refused.error as unknown as z.ZodError<T> };
}
