/** The part of JSON Schema that docs/schema uses; a keyword it does not know fails the test. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

const NOTES = new Set(["$schema", "title", "description", "$defs"]);

/** What does not fit, as `path: why`; empty when all does. */
export function mismatches(
  schema: Schema,
  value: unknown,
  root: Schema = schema,
  at = "$",
): string[] {
  if (typeof schema["$ref"] === "string") {
    const name = schema["$ref"].replace("#/$defs/", "");
    return mismatches((root["$defs"] as Record<string, Schema>)[name] ?? {}, value, root, at);
  }
  const { type } = schema;
  // What follows from a type that it has not is no news.
  if (type !== undefined && ![type].flat().some((one) => isOf(one as string, value))) {
    return [`${at}: not ${String(type)}`];
  }
  return Object.entries(schema).flatMap(([keyword, want]): string[] => {
    if (NOTES.has(keyword)) return [];
    switch (keyword) {
      case "type":
        return [];
      case "anyOf": {
        const all = (want as Schema[]).map((one) => mismatches(one, value, root, at));
        return all.some((found) => found.length === 0) ? [] : (all.at(0) ?? []);
      }
      case "enum":
        return (want as unknown[]).includes(value)
          ? []
          : [`${at}: ${String(value)} is not in the list`];
      case "minimum":
        return typeof value === "number" && value < (want as number)
          ? [`${at}: below ${String(want)}`]
          : [];
      case "maximum":
        return typeof value === "number" && value > (want as number)
          ? [`${at}: above ${String(want)}`]
          : [];
      case "items":
        return (value as unknown[]).flatMap((one, i) =>
          mismatches(want as Schema, one, root, `${at}[${i}]`),
        );
      case "required":
        return (want as string[])
          .filter((key) => !(key in (value as object)))
          .map((key) => `${at}: no ${key}`);
      case "properties":
        return Object.entries(want as Record<string, Schema>).flatMap(([key, inner]) =>
          key in (value as object)
            ? mismatches(inner, (value as Record<string, unknown>)[key], root, `${at}.${key}`)
            : [],
        );
      case "additionalProperties":
        return Object.keys(value as object)
          .filter((key) => !(key in (schema["properties"] as object)))
          .map((key) => `${at}: ${key} is not in the schema`);
      default:
        return [`${at}: the test does not know ${keyword}`];
    }
  });
}

function isOf(type: string, value: unknown): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object")
    return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}
