import { z } from "zod";
import { generalSchema, sinkFields, singleSchema } from "../config/schema.ts";
import type { SinkKinds } from "../config/sink-kinds.ts";
import { type JsonSchema, jsonSchemaOf } from "./json-schema.ts";

interface ObjectSchema {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

/** The keys of a sink of one kind: those all sinks have, and the kind's own. */
export function sinkSchema(kind: string, kinds: SinkKinds): ObjectSchema {
  const plugin = kinds.get(kind);
  const own = plugin === undefined ? { properties: {} } : objectOf(plugin.schema);
  const common = objectOf(z.strictObject(sinkFields));
  return {
    properties: { ...common.properties, kind: { const: kind }, ...own.properties },
    required: [...(common.required ?? []), ...(own.required ?? [])],
  };
}

/** Both forms of the configuration file in one schema, with the built-in kinds of sinks. */
export function configSchema(kinds: SinkKinds): JsonSchema {
  const single = objectOf(singleSchema);
  const general = objectOf(generalSchema);
  const builtIn = [...kinds.keys()].map((kind) => ({
    type: "object",
    ...sinkSchema(kind, kinds),
    additionalProperties: false,
  }));
  const foreign = {
    type: "object",
    description: "A sink of an npm package: its own keys are checked by the package",
    properties: {
      ...objectOf(z.strictObject(sinkFields)).properties,
      kind: { type: "string", not: { enum: [...kinds.keys()] } },
    },
    required: ["name", "kind"],
  };
  const { pipelines } = general.properties;
  const sinks = { ...single.properties["sinks"], items: { anyOf: [...builtIn, foreign] } };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "bulk-archiver configuration",
    description: "Values may hold references: ${env:NAME} and ${file:/path}.",
    type: "object",
    properties: { ...single.properties, pipelines, sinks },
    required: ["kafka", "sinks"],
    oneOf: [{ required: ["group", "topics"] }, { required: ["pipelines"] }],
    additionalProperties: false,
  };
}

const objectOf = (schema: z.ZodType): ObjectSchema => {
  const { properties = {}, required = [] } = jsonSchemaOf(schema, "input") as Partial<ObjectSchema>;
  return { properties, required };
};
