import { z } from "zod";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** A zod schema as JSON Schema 2020-12; offsets (bigint) are integers there. */
export function jsonSchemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  return z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type !== "bigint") return;
      jsonSchema.type = "integer";
      const { minimum } = zodSchema._zod.bag as { minimum?: bigint };
      if (minimum !== undefined) jsonSchema.minimum = Number(minimum);
    },
  });
}

/** Of one document that `--json` prints. */
export function reportSchema(title: string, description: string, schema: z.ZodType): JsonSchema {
  const { $schema, ...rest } = jsonSchemaOf(schema, "output");
  return { $schema, title, description, ...rest };
}
