import { type SinkKinds } from "../config/sink-kinds.ts";
import { configSchema, sinkSchema } from "./config-schema.ts";
import { cell, GENERATED, rows } from "./markdown.ts";
import type { JsonSchema } from "./json-schema.ts";

/** Loaded by a test, so that it stays right. */
export const EXAMPLE = `kafka:
  brokers: ["127.0.0.1:9092"]
group: archiver
topics: [logs, { regex: "^audit\\\\." }]
batch: { bytes: 16MiB, age: 60s }
compression: { codec: zstd, level: 3 }
memory: 256MiB
http: { listen: "127.0.0.1:9464" }
sinks:
  - { name: files, kind: fs, path: ./archive }
`;

export const GENERAL_EXAMPLE = `kafka: { brokers: ["127.0.0.1:9092"] }
sinks:
  - { name: files, kind: fs, path: ./archive }
  - { name: readable, kind: fs, path: ./readable }
pipelines:
  - { name: logs, group: archiver-logs, topics: [logs], sinks: [files] }
  - name: audit
    group: archiver-audit
    topics: [{ regex: "^audit\\\\." }]
    format: ndjson
    sinks: [readable]
`;

/** docs/configuration.md */
export function configurationPage(kinds: SinkKinds): string {
  const { properties, required } = configSchema(kinds) as unknown as Level;
  const { sinks: _sinks, pipelines: _pipelines, ...rest } = properties;
  return `# Configuration

${GENERATED}

One YAML file, checked as a whole before anything starts: unknown keys, wrong units, missing files and what
contradicts itself are errors with file, line and column, all of them at once. \`bulk-archiver check\` tries
the rest. For editors: [schema/config.schema.json](schema/config.schema.json).

\`\`\`yaml
${EXAMPLE}\`\`\`

- Sizes and times carry a unit: \`16MiB\` (B, kB, KiB, MB, MiB, GB, GiB, TiB), \`60s\` (ms, s, m, h, d),
  rates \`50MiB/s\`.
- \`\${env:NAME}\` stands for an environment variable, \`\${file:/path}\` for a file's text without its last
  newline; \`$\${\` is a plain \`\${\`. What comes from a file, or stands under a name such as \`password\` or
  \`secretAccessKey\`, is cut out of every log line.
- Relative paths are relative to the configuration file.

## Keys

${keyTable(flatten({ properties: rest, required }))}

## Sinks

\`sinks\` is a list. These keys every sink has:

${keyTable(flatten(commonOf(kinds)))}

${[...kinds.keys()].map((kind) => kindSection(kind, kinds)).join("\n\n")}

A kind that is not built in is the name of an npm package in the daemon's own node_modules, which exports a
sink plugin as \`plugin\` or by default; [sinks.md](sinks.md) builds one.

## Several pipelines

\`pipelines\` takes the place of ${PIPELINE_KEYS_TEXT} at the top; each pipeline has these keys, a \`name\`, and
the names of its \`sinks\`. Groups differ, and two pipelines do not write one topic to one sink.

\`\`\`yaml
${GENERAL_EXAMPLE}\`\`\`
`;
}

const PIPELINE_KEYS_TEXT =
  "`group`, `topics`, `start`, `batch`, `format`, `compression` and `encryption`";
const COMMON = ["name", "kind", "whenAway", "backfill", "limits", "plaintext"];

interface Level {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[] | undefined;
}

interface Key {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

const only = (level: Level, keep: (key: string) => boolean): Level => ({
  ...level,
  properties: Object.fromEntries(Object.entries(level.properties).filter(([key]) => keep(key))),
});

function commonOf(kinds: SinkKinds): Level {
  const level = only(sinkSchema("", kinds), (key) => COMMON.includes(key));
  const kind = { type: "string", description: "A built-in kind, or the npm package of one" };
  return { ...level, properties: { ...level.properties, kind } };
}

function kindSection(kind: string, kinds: SinkKinds): string {
  const own = only(sinkSchema(kind, kinds), (key) => !COMMON.includes(key));
  return `### \`kind: ${kind}\`\n\n${keyTable(flatten(own))}`;
}

/** Every key with its path; the alternatives of a union one after another. */
function flatten(level: Level, prefix = ""): Key[] {
  return Object.entries(level.properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const required = level.required?.includes(name) ?? false;
    const inner = [schema, ...alternatives(schema)].flatMap((s) =>
      s["properties"] === undefined ? [] : flatten(s as unknown as Level, `${path}.`),
    );
    return [{ path, schema, required }, ...merge(inner)];
  });
}

/** A key that several alternatives have is one key that takes what any of them takes. */
function merge(keys: readonly Key[]): Key[] {
  const paths = [...new Set(keys.map((k) => k.path))];
  return paths.flatMap((path) => {
    const same = keys.filter((k) => k.path === path);
    const [first] = same;
    if (first === undefined) return [];
    return same.length === 1
      ? [first]
      : [{ ...first, schema: { anyOf: same.map((k) => k.schema) } }];
  });
}

const alternatives = (schema: JsonSchema): readonly JsonSchema[] =>
  ((schema["anyOf"] ?? schema["oneOf"]) as readonly JsonSchema[] | undefined) ?? [];

const keyTable = (keys: readonly Key[]): string =>
  rows(
    ["key", "value", "default", "meaning"],
    keys.map(({ path, schema, required }) => [
      `\`${path}\``,
      typeText(schema),
      required ? "required" : defaultText(schema["default"]),
      cell(String(schema["description"] ?? "")),
    ]),
  );

function typeText(schema: JsonSchema): string {
  const { const: constant, enum: values, type, pattern, items } = schema;
  if (constant !== undefined) return `\`${String(constant)}\``;
  if (Array.isArray(values)) return values.map((v) => `\`${String(v)}\``).join(", ");
  const several = alternatives(schema);
  if (several.length > 0) return [...new Set(several.map(typeText))].join(" or ");
  if (type === "array") return `list of ${typeText((items ?? {}) as JsonSchema)}`;
  if (type === "object") return "keys and values";
  const unit =
    typeof pattern === "string" ? UNITS.find(([mark]) => pattern.includes(mark)) : undefined;
  if (unit !== undefined) return unit[1];
  return type === "boolean" ? "`true`, `false`" : String(type ?? "text").replace("string", "text");
}

const UNITS = [
  ["/s$", "rate"],
  ["KiB", "size"],
  ["ms|s|m", "time"],
] as const;

function defaultText(value: unknown): string {
  if (value === undefined) return "";
  const text = JSON.stringify(value);
  return text === "{}" || text === "[]" ? "" : `\`${typeof value === "string" ? value : text}\``;
}
