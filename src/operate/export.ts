import { resolve } from "node:path";
import { size } from "../config/units.ts";
import { ArchiverError } from "../core/errors.ts";
import { dropLeftovers } from "../core/leftovers.ts";
import { messageOf } from "../core/message.ts";
import { createFolder } from "../core/new-folder.ts";
import { loadIdentities } from "../seal/keys.ts";
import { type Arguments, RANGE_OPTIONS, SCOPE_OPTIONS } from "./arguments.ts";
import { readBatch } from "./cat.ts";
import { chooseScopes, scopeFilter } from "./choose-scopes.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import type { ExportReport } from "./export/export-report.ts";
import { claimFolder } from "./export/folder-claim.ts";
import { PART_FILE } from "./export/part-file.ts";
import { type ExportRequest, ExportState, STATE_FILE } from "./export/export-state.ts";
import { exportScope } from "./export/run-export.ts";
import { WhollyExpired } from "./expired.ts";
import { type Kept, keptBatches } from "./kept-batches.ts";
import { liveTopicId } from "./live-topic-id.ts";
import { chooseSinks, type CommandSink, withSinks } from "./open-sinks.ts";
import { Progress } from "./progress.ts";

const PART_SIZE = 256 << 20;
const CODECS = ["none", "gzip", "zstd"] as const;

export const exportCommand: Command = {
  name: "export",
  summary: "write archived records as files of JSON lines",
  details:
    "For analysts: DIR/<topic>/<partition>/<from>-<to>.ndjson, which DuckDB, Polars and Spark read; the " +
    "lines are those of cat. Each part is whole before it has its name, and DIR/export.json lists them " +
    "with their digests: a run that was interrupted goes on, a repeated one adds what is new.",
  options: [
    { flags: "--out <dir>", text: "folder for the files", required: true },
    { flags: "--sink <name>", text: "which sink; default: the first" },
    ...SCOPE_OPTIONS.map((o) => (o.flags.startsWith("--topic <") ? { ...o, required: true } : o)),
    ...RANGE_OPTIONS,
    { flags: "--codec <name>", text: `${CODECS.join(", ")}; default: none`, parse: codec },
    {
      flags: "--part <size>",
      text: "a part ends when it is so large; default: 256MiB",
      parse: bytes,
    },
    { flags: "--identity <file>", text: "age identity that opens encrypted files" },
    { flags: "--dry-run", text: "read and verify everything, write nothing" },
  ],
  examples: [
    "bulk-archiver export --topic logs --out ./logs",
    "bulk-archiver export --topic logs --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z --out ./day --codec zstd",
  ],
  schema: "export.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const name = args.text("sink");
    const chosen = chooseSinks(config, name === undefined ? [] : [name]);
    const { out, signal } = context;
    const report = await withSinks(config, chosen, context, async ([named]) => {
      if (named === undefined) throw new ArchiverError("usage", "the configuration has no sink");
      const live = liveTopicId(config, context);
      const scopes = await chooseScopes(named.sink, scopeFilter(args), live, signal);
      const kept = keptBatches(named.sink, config, context);
      return exportAll(args, context, { name: named.name, ...kept }, scopes);
    });
    await (out.json ? out.document(report) : out.text(summary(report)));
    return EXIT.done;
  },
};

type Named = Kept & { readonly name: string };
type Scopes = Awaited<ReturnType<typeof chooseScopes>>;

async function exportAll(
  args: Arguments,
  context: CommandContext,
  named: Named,
  scopes: Scopes,
): Promise<ExportReport> {
  const dir = resolve(args.text("out") ?? ".");
  const request = await requestOf(args, named, scopes, context.signal);
  if (args.flag("dryRun")) return exportTo(dir, request, args, context, named, scopes);
  await made(dir);
  const release = await claimFolder(dir);
  try {
    return await exportTo(dir, request, args, context, named, scopes);
  } finally {
    release();
  }
}

async function exportTo(
  dir: string,
  request: ExportRequest,
  args: Arguments,
  { out, signal, clock, tool }: CommandContext,
  { name, sink, expired }: Named,
  scopes: Scopes,
): Promise<ExportReport> {
  const dryRun = args.flag("dryRun");
  const state = await ExportState.open(dir, request);
  if (!dryRun) {
    await state.begin();
    await dropLeftovers(dir, [PART_FILE, STATE_FILE]);
  }
  const file = args.text("identity");
  const identities = file === undefined ? [] : await loadIdentities(file);
  const now = (): number => clock.now();
  const progress = new Progress({ title: "export", unit: "records", stderr: out.stderr, now });
  const options = {
    ...{ sink, dir, state, dryRun, codec: request.codec, expired },
    onExpired: (text: string): void => out.note(`bulk-archiver: ${text}`),
    read: readBatch(sink, identities),
    ...args.range(),
    partSize: args.number("part") ?? PART_SIZE,
    done: (batch: { readonly manifest: { records: bigint; seal: { size: number } } }): void => {
      progress.expect(Number(batch.manifest.records));
      progress.done(Number(batch.manifest.records), batch.manifest.seal.size);
    },
  };
  const partitions: ExportReport["partitions"] = [];
  try {
    const gone = new WhollyExpired();
    for (const scope of scopes) {
      try {
        const { partition, written } = await exportScope(options, scope, signal);
        partitions.push({ ...partition, written });
        gone.kept();
      } catch (error) {
        gone.caught(error);
      }
    }
    gone.end(options.onExpired);
  } finally {
    progress.stop();
  }
  const records = partitions.reduce((n, p) => n + p.written, 0);
  const { topic, topicId, codec: of } = request;
  return {
    ...{ ok: true, tool, dryRun, sink: name, out: dir, topic, topicId, codec: of },
    ...{ partitions, records },
  };
}

async function requestOf(
  args: Arguments,
  { name, sink }: Pick<CommandSink, "name" | "sink">,
  scopes: readonly { readonly topic: string; readonly topicId: string }[],
  signal: AbortSignal,
): Promise<ExportRequest> {
  const identity = await sink.identity(signal);
  const [first] = scopes;
  if (identity === undefined || first === undefined) {
    throw new ArchiverError("nothing-in-scope", `sink ${name} holds no archive`);
  }
  const { topic, topicId } = first;
  const [from, to] = [args.text("from") ?? null, args.text("to") ?? null];
  const named = args.value<ExportRequest["codec"]>("codec") ?? "none";
  return { archiveId: identity.archiveId, topic, topicId, from, to, codec: named };
}

async function made(dir: string): Promise<void> {
  try {
    await createFolder(dir);
  } catch (cause) {
    throw new ArchiverError("usage", `--out ${dir}: ${messageOf(cause)}`, { cause });
  }
}

function codec(text: string): ExportRequest["codec"] {
  const found = CODECS.find((c) => c === text);
  if (found !== undefined) return found;
  throw new ArchiverError("usage", `${JSON.stringify(text)} is none of ${CODECS.join(", ")}`);
}

function bytes(text: string): number {
  const found = size(1024, 2 ** 40).safeParse(text);
  if (found.success) return found.data;
  throw new ArchiverError("usage", found.error.issues[0]?.message ?? "is no size such as 256MiB");
}

function summary(r: ExportReport): string[] {
  const lines = r.partitions.map((p) => {
    const files = `${p.parts.length} ${p.parts.length === 1 ? "file" : "files"}`;
    return `${r.topic}/${p.partition}: ${p.written} records, up to offset ${p.next}, ${files}`;
  });
  return [
    ...lines,
    "",
    `${r.records} records ${r.dryRun ? "would be written" : "written"} to ${r.out}`,
  ];
}
