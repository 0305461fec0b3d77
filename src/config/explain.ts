import { z } from "zod";
import { ConfigDocument } from "./document.ts";
import { pathText } from "./problems.ts";
import { isSecretName, REFERENCE } from "./references.ts";
import { generalSchema, sinkFields, singleSchema } from "./schema.ts";
import type { SinkKinds } from "./sink-kinds.ts";

/** One value of the configuration and where it comes from. */
export interface Setting {
  /** `sinks[0].bucket` */
  readonly key: string;
  /** As the file or the documentation spells it; `[redacted]` for a secret. */
  readonly value: string;
  /** `config.yaml:12`, `config.yaml:12, environment HOSTNAME`, `default` */
  readonly source: string;
}

type Schema = Readonly<Record<string, unknown>>;
type Keys = Readonly<Record<string, Schema>>;
type Path = readonly (string | number)[];

const HIDDEN = "[redacted]";

interface Context {
  readonly document: ConfigDocument;
  readonly env: NodeJS.ProcessEnv;
  readonly kinds: SinkKinds;
  readonly found: Setting[];
}

/** Every setting of a file that loads, with what it left to the defaults. */
export function explain(
  shown: string,
  text: string,
  env: NodeJS.ProcessEnv,
  kinds: SinkKinds,
): readonly Setting[] {
  const document = new ConfigDocument(shown, text);
  const value = document.value as object;
  const context: Context = { document, env, kinds, found: [] };
  walk(jsonSchema("pipelines" in value ? generalSchema : singleSchema), value, [], context);
  return context.found;
}

const jsonSchema = (schema: z.ZodType): Schema =>
  z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function walk(schema: Schema, value: unknown, at: Path, c: Context): void {
  const keys = keysOf(schema, value);
  if (isObject(value) || (value === undefined && keys !== null)) {
    walkKeys(keys ?? {}, value ?? {}, at, c);
  } else if (Array.isArray(value) && value.some(isObject)) {
    value.forEach((item, i) => walk(itemSchema(schema, item, at, c), item, [...at, i], c));
  } else if (value !== undefined) {
    c.found.push({ key: pathText(at), ...written(value, at, c) });
  } else if (schema["default"] !== undefined) {
    c.found.push({ key: pathText(at), value: textOf(schema["default"]), source: "default" });
  }
}

/** What the file says in its own order, then what it leaves to the defaults. */
function walkKeys(keys: Keys, value: object, at: Path, c: Context): void {
  const given = value as Readonly<Record<string, unknown>>;
  const names = new Set([...Object.keys(given), ...Object.keys(keys)]);
  for (const name of names) walk(keys[name] ?? {}, given[name], [...at, name], c);
}

/** Of an object, or of those alternatives that have every key that was given; null: it is none. */
function keysOf(schema: Schema, value: unknown): Keys | null {
  if (isObject(schema["properties"]) && (value !== undefined || isObject(schema["default"]))) {
    return schema["properties"] as Keys;
  }
  const several = (schema["anyOf"] ?? schema["oneOf"]) as readonly Schema[] | undefined;
  if (several === undefined || !isObject(value)) return null;
  const fits = several.filter((s) => {
    const keys = s["properties"];
    return isObject(keys) && Object.keys(value).every((k) => k in keys);
  });
  return (fits[0]?.["properties"] as Keys | undefined) ?? null;
}

function itemSchema(schema: Schema, item: unknown, at: Path, { kinds }: Context): Schema {
  const items = (schema["items"] ?? {}) as Schema;
  if (at.length !== 1 || at[0] !== "sinks" || !isObject(item)) return items;
  const own = kinds.get(String(item["kind"]))?.schema;
  const keys = (s: z.ZodType): Keys => (jsonSchema(s)["properties"] ?? {}) as Keys;
  const properties = {
    ...keys(z.strictObject(sinkFields)),
    ...(own === undefined ? {} : keys(own)),
  };
  return { properties };
}

function written(value: unknown, at: Path, c: Context): Pick<Setting, "value" | "source"> {
  const text = textOf(value);
  const from: string[] = [`${c.document.file}:${c.document.lineOf(at)}`];
  let secret = isSecretName(at);
  const shown = text.replaceAll(REFERENCE, (match: string, inner: string | undefined) => {
    const [scheme, ...rest] = (inner ?? "").split(":");
    const name = rest.join(":");
    if (scheme === "file") secret = true;
    if (scheme === "file" || scheme === "env") {
      from.push(scheme === "env" ? `environment ${name}` : `file ${name}`);
    }
    return scheme === "env" ? (c.env[name] ?? match) : match === "$${" ? "${" : match;
  });
  return { value: secret ? HIDDEN : shown, source: from.join(", ") };
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);
