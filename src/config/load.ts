import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { checked } from "../core/checked.ts";
import { ArchiverError } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";
import { Secret } from "../core/secret.ts";
import { boundedFile } from "../core/bounded-file.ts";
import type { Config } from "./config.ts";
import { ConfigDocument } from "./document.ts";
import { reportIssues } from "./issues.ts";
import { normalise } from "./normalise.ts";
import { ConfigError } from "./problems.ts";
import { resolveReferences } from "./references.ts";
import { generalSchema, PIPELINE_KEYS, singleSchema } from "./schema.ts";
import type { SinkKinds } from "./sink-kinds.ts";
import { parseSinks } from "./sinks.ts";

export interface LoadOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly kinds: SinkKinds;
}

const MAX_FILE_BYTES = 4 << 20;
/** Shorter values would redact half of every log line. */
const MIN_SECRET_CHARS = 4;

/**
 * Reads a configuration file, all of it checked before anything starts.
 * @throws ConfigError (`config-invalid`) with everything that is wrong; ArchiverError when unreadable
 */
export async function loadConfig(path: string, options: LoadOptions): Promise<Config> {
  const file = resolve(path);
  return parseConfig(path, file, readConfig(path, file), options);
}

/** `shown`: how error messages name the file. */
export async function parseConfig(
  shown: string,
  file: string,
  text: string,
  { env, kinds }: LoadOptions,
): Promise<Config> {
  const document = new ConfigDocument(shown, text);
  const baseDir = dirname(file);
  refuse(document);
  if (
    typeof document.value !== "object" ||
    document.value === null ||
    Array.isArray(document.value)
  ) {
    document.report(
      [],
      "the file is empty or not keys and values; docs/configuration.md has an example",
    );
    refuse(document);
  }
  const { value, secrets, failed } = resolveReferences(document, baseDir, env);
  const general = "pipelines" in (value as object);
  if (general) refuseBothForms(document, value as object);
  const schema = general ? generalSchema : singleSchema;
  const own = general ? without(value as object, PIPELINE_KEYS) : value;
  const parsed = checked<z.output<typeof schema>>(schema, own, { reportInput: true });
  const sinks = await parseSinks((value as { sinks?: unknown }).sinks, document, kinds, failed);
  if (!parsed.success) {
    // A value that could not be resolved is reported once, as that.
    const issues = parsed.error.issues.filter((i) => !failed.has(JSON.stringify(i.path)));
    reportIssues(issues, schema, { document, at: [], alsoKnown: general ? [] : ["pipelines"] });
  }
  refuse(document);
  if (!parsed.success) throw new ConfigError(document.problems);
  const hidden = secrets.filter((s) => s.length >= MIN_SECRET_CHARS).map((s) => new Secret(s));
  const config = normalise(parsed.data, sinks, { document, baseDir, file, secrets: hidden });
  refuse(document);
  return config;
}

function readConfig(shown: string, file: string): string {
  try {
    const bytes = boundedFile(file, MAX_FILE_BYTES);
    if (bytes === null) {
      throw new ArchiverError(
        "config-invalid",
        `${shown} is larger than 4 MiB: not a configuration`,
      );
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof ArchiverError) throw error;
    throw new ArchiverError("config-invalid", `cannot read ${shown}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function refuse(document: ConfigDocument): void {
  if (document.problems.length > 0) throw new ConfigError(document.problems);
}

function refuseBothForms(document: ConfigDocument, value: object): void {
  for (const key of PIPELINE_KEYS.filter((k) => k in value)) {
    const text = `with "pipelines", ${JSON.stringify(key)} belongs into each pipeline`;
    document.reportKey([], key, text);
  }
}

const without = (value: object, keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(value).filter(([k]) => !keys.includes(k)));
