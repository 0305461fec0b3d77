import { existsSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { builtInSinks } from "../../sinks/index.ts";
import { parseConfig } from "../config/load.ts";
import { ArchiverError } from "../core/errors.ts";
import { dropLeftovers } from "../core/leftovers.ts";
import { createFile } from "../core/new-file.ts";
import type { Arguments } from "./arguments.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { askForAnswers } from "./init-questions.ts";
import {
  type InitAnswers,
  starterConfig,
  STARTER_SINKS,
  type StarterSink,
} from "./init-starter.ts";

/** What `init --json` prints. */
export const initReport = z.strictObject({
  file: z.string().describe("The configuration that was written"),
  variables: z.array(z.string()).describe("Environment variables that it refers to"),
});

const DEFAULTS: InitAnswers = {
  brokers: ["127.0.0.1:9092"],
  group: "archiver",
  topics: ["logs"],
  sinks: ["fs"],
  format: "segment",
  http: "127.0.0.1:9464",
};

export const initCommand: Command = {
  name: "init",
  summary: "write a configuration to begin with",
  details:
    "Asks on a terminal, unless an option answers already; elsewhere, and with --yes, what no option says is left to the defaults. The file is commented, refers to the JSON Schema for editors, and loads as it is. Never overwrites.",
  options: [
    { flags: "--out <file>", text: "where to write it (default ./bulk-archiver.yaml)" },
    { flags: "--brokers <list>", text: "host:port of brokers, separated by commas" },
    { flags: "--group <name>", text: "consumer group" },
    { flags: "--topic <name>", text: "topic to archive", repeat: true },
    {
      flags: "--sink <kind>",
      text: `${STARTER_SINKS.join(", ")}: the first that creates atomically decides`,
      repeat: true,
      parse: sinkKind,
    },
    { flags: "--format <format>", text: "segment or ndjson", parse: formatOf },
    { flags: "--http <address>", text: "where metrics and the page are; none: no HTTP" },
    { flags: "--yes", text: "ask nothing" },
  ],
  examples: [
    "bulk-archiver init",
    "bulk-archiver init --yes --brokers kafka-1:9092,kafka-2:9092 --topic orders --sink s3 --sink fs",
  ],
  schema: "init.schema.json",
  run: async (args, context) => {
    const { out } = context;
    const file = resolve(args.text("out") ?? "bulk-archiver.yaml");
    if (existsSync(file)) throw exists(file);
    const answers = await answersOf(args, context);
    const { text, variables } = starterConfig(answers, schemaPath());
    await loads(file, text, variables);
    await written(file, text);
    if (out.json) await out.document({ file, variables });
    else {
      await out.text(file);
      if (variables.length > 0) out.note(`set in the environment: ${variables.join(", ")}`);
      out.note("next: read the comments, then bulk-archiver check");
    }
    return EXIT.done;
  },
};

function sinkKind(text: string): StarterSink {
  const found = STARTER_SINKS.find((kind) => kind === text);
  if (found !== undefined) return found;
  throw new ArchiverError(
    "usage",
    `${JSON.stringify(text)} is not one of ${STARTER_SINKS.join(", ")}`,
  );
}

function formatOf(text: string): InitAnswers["format"] {
  if (text === "segment" || text === "ndjson") return text;
  throw new ArchiverError("usage", `${JSON.stringify(text)} is neither segment nor ndjson`);
}

async function answersOf(args: Arguments, context: CommandContext): Promise<InitAnswers> {
  const brokers = args
    .text("brokers")
    ?.split(",")
    .map((b) => b.trim());
  const http = args.text("http");
  const given: Partial<InitAnswers> = {
    ...(brokers === undefined ? {} : { brokers }),
    ...(args.text("group") === undefined ? {} : { group: args.text("group") ?? "" }),
    ...(args.texts("topic").length === 0 ? {} : { topics: args.texts("topic") }),
    ...(args.value("sink") === undefined ? {} : { sinks: args.value<StarterSink[]>("sink") ?? [] }),
    ...(args.value("format") === undefined
      ? {}
      : { format: args.value<"segment">("format") ?? "segment" }),
    ...(http === undefined ? {} : { http: http === "none" ? null : http }),
  };
  const ask = process.stdin.isTTY && context.out.stderr.isTTY === true && !args.flag("yes");
  if (!ask || context.out.json) return { ...DEFAULTS, ...given };
  return askForAnswers(DEFAULTS, given, { sinkKind, formatOf }, context);
}

/** @throws ConfigError with what an answer made wrong */
async function loads(file: string, text: string, variables: readonly string[]): Promise<void> {
  const env = Object.fromEntries(variables.map((name) => [name, "to-be-set"]));
  await parseConfig("the new file", file, text, { env, kinds: builtInSinks });
}

async function written(file: string, text: string): Promise<void> {
  try {
    await dropLeftovers(dirname(file), [basename(file)]);
    await createFile(file, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw exists(file);
    const why = error instanceof Error ? error.message : String(error);
    throw new ArchiverError("usage", `cannot write ${file}: ${why}`, { cause: error });
  }
}

const exists = (file: string): ArchiverError =>
  new ArchiverError("usage", `${file} is there already, and is not overwritten`);

/** Of this installation: from sources and from what they are compiled to. */
function schemaPath(): string {
  const places = ["../../docs/schema/", "../../../docs/schema/"];
  const files = places.map((p) =>
    fileURLToPath(new URL(`${p}config.schema.json`, import.meta.url)),
  );
  return files.find((f) => existsSync(f)) ?? "config.schema.json";
}
