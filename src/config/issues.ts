import type { z } from "zod";
import type { ConfigDocument } from "./document.ts";
import type { Path } from "./problems.ts";
import { didYouMean } from "./suggest.ts";

type Issue = z.core.$ZodIssue;

/** A zod schema of our own release or of a plugin's: only what both have is looked at. */
export type AnySchema = z.ZodType;

export interface IssueContext {
  readonly document: ConfigDocument;
  /** Prefix of every path: where in the document the value stands that the schema saw. */
  readonly at: Path;
  /** Keys that are right there as well, although this schema does not know them. */
  readonly alsoKnown?: readonly string[];
}

/** Says what zod found wrong in our words, at its place. */
export function reportIssues(
  issues: readonly Issue[],
  schema: AnySchema,
  context: IssueContext,
): void {
  for (const issue of issues) reportIssue(issue, schema, context);
}

function reportIssue(issue: Issue, schema: AnySchema, context: IssueContext): void {
  const { document, at } = context;
  const path = [...at, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys": {
      const here = knownKeys(schemaAt(schema, issue.path));
      const known = [...here, ...(issue.path.length === 0 ? (context.alsoKnown ?? []) : [])];
      for (const key of issue.keys) {
        const hint =
          didYouMean(key, known) || (known.length > 0 ? `; known here: ${known.join(", ")}` : "");
        document.reportKey(path, key, `unknown key ${JSON.stringify(key)}${hint}`);
      }
      return;
    }
    case "invalid_union": {
      if (issue.input === undefined) return document.report(path.slice(0, -1), missing(path));
      const best = closest(issue);
      if (best === undefined) return document.report(path, unionText(issue));
      const inner = schemaAt(schema, issue.path);
      for (const one of best.issues) {
        reportIssue(
          { ...one, path: [...issue.path, ...one.path] },
          replaceAt(schema, issue.path, option(inner, best.index)),
          context,
        );
      }
      return;
    }
    case "invalid_type":
      if (issue.input === undefined) return document.report(path.slice(0, -1), missing(path));
      if (!issue.message.startsWith("Invalid input")) return document.report(path, issue.message);
      return document.report(
        path,
        `expected ${typeText(issue.expected)}, found ${found(issue.input)}`,
      );
    case "invalid_value":
      return document.report(path, notOneOf(issue.input, issue.values));
    case "too_small":
    case "too_big":
      return document.report(path, issue.message.replace(/^Too (small|big): /, ""));
    default:
      return document.report(path, issue.message);
  }
}

const missing = (path: readonly PropertyKey[]): string =>
  `missing key ${JSON.stringify(String(path.at(-1) ?? ""))}`;

function notOneOf(input: unknown, values: readonly unknown[]): string {
  const list = values.map((v) => String(v)).join(", ");
  if (input === undefined) return `missing; one of ${list}`;
  const hint = typeof input === "string" ? didYouMean(input, values.map(String)) : "";
  return `${JSON.stringify(input)} is not one of ${list}${hint}`;
}

const typeText = (expected: string): string =>
  ({
    string: "a text",
    int: "an integer",
    number: "a number",
    boolean: "true or false",
    array: "a list",
    object: "keys and values",
  })[expected] ?? expected;

function found(input: unknown): string {
  if (input === null) return "nothing";
  if (Array.isArray(input)) return "a list";
  if (typeof input === "object") return "keys and values";
  return typeof input === "string" ? `the text ${JSON.stringify(input)}` : String(input);
}

type Union = Extract<Issue, { code: "invalid_union" }>;

/** The alternative whose kind of value it is, with what is wrong inside it. */
function closest(issue: Union): { index: number; issues: readonly Issue[] } | undefined {
  const fits = issue.errors
    .map((issues, index) => ({ index, issues }))
    .filter(
      ({ issues }) =>
        !issues.some(
          (i) => i.path.length === 0 && (i.code === "invalid_type" || i.code === "invalid_value"),
        ),
    );
  return fits.length === 1 ? fits[0] : undefined;
}

function unionText(issue: Union): string {
  const discriminator = (issue as { discriminator?: string }).discriminator;
  const input = issue.input;
  if (discriminator !== undefined) {
    const options = ((issue as { options?: readonly unknown[] }).options ?? []).map(String);
    const said =
      typeof input === "object" && input !== null
        ? (input as Record<string, unknown>)[discriminator]
        : undefined;
    if (said === undefined)
      return `missing key ${JSON.stringify(discriminator)}: one of ${options.join(", ")}`;
    return notOneOf(said, options);
  }
  const expected = issue.errors.flatMap((alternative) => {
    const one = alternative.find((i) => i.path.length === 0);
    if (one?.code === "invalid_value") return one.values.map((v) => JSON.stringify(v));
    return one?.code === "invalid_type" ? [typeText(one.expected)] : [];
  });
  return `expected ${expected.join(" or ")}, found ${found(input)}`;
}

interface Def {
  readonly type: string;
  readonly shape?: Readonly<Record<string, AnySchema>>;
  readonly element?: AnySchema;
  readonly innerType?: AnySchema;
  readonly in?: AnySchema;
  readonly options?: readonly AnySchema[];
}

const defOf = (schema: AnySchema | undefined): Def | undefined =>
  (schema as { _zod?: { def?: Def } } | undefined)?._zod?.def;

/** Through optional, default and transform to what the document has to hold. */
function unwrap(schema: AnySchema | undefined): AnySchema | undefined {
  let inner = schema;
  for (let i = 0; i < 10; i++) {
    const def = defOf(inner);
    const next = def?.innerType ?? def?.in;
    if (next === undefined) return inner;
    inner = next;
  }
  return inner;
}

function schemaAt(schema: AnySchema, path: Path): AnySchema | undefined {
  let inner = unwrap(schema);
  for (const part of path) {
    const def = defOf(inner);
    inner = unwrap(typeof part === "number" ? def?.element : def?.shape?.[String(part)]);
  }
  return inner;
}

const option = (schema: AnySchema | undefined, index: number): AnySchema | undefined =>
  defOf(schema)?.options?.[index];

/** A schema that answers `inner` at `path`, for keys inside one alternative of a union. */
function replaceAt(schema: AnySchema, path: Path, inner: AnySchema | undefined): AnySchema {
  const wrapped = path.reduceRight<unknown>(
    (below, part) => ({
      _zod: {
        def: typeof part === "number" ? { element: below } : { shape: { [String(part)]: below } },
      },
    }),
    inner,
  );
  return (wrapped ?? schema) as AnySchema;
}

/** Keys of an object's schema, to suggest from; empty when it is not one. */
const knownKeys = (schema: AnySchema | undefined): readonly string[] =>
  Object.keys(defOf(unwrap(schema))?.shape ?? {});
