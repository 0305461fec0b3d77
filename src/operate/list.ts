import { sizeText } from "../config/units.ts";
import { ArchiverError } from "../core/errors.ts";
import { stringify } from "../core/json.ts";
import { RANGE_OPTIONS, SCOPE_OPTIONS } from "./arguments.ts";
import { chooseScopes, scopeFilter, scopeWords } from "./choose-scopes.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { indexNote } from "./index/index-note.ts";
import { liveTopicId } from "./live-topic-id.ts";
import { type ListedBatch, listedBatches } from "./listed-batches.ts";
import { chooseSinks, type CommandSink, withSinks } from "./open-sinks.ts";
import { timeText } from "./table.ts";

export const listCommand: Command = {
  name: "list",
  summary: "list the batches that a sink holds",
  details:
    "Reads manifests only. A time in --from or --to picks whole batches by the timestamps of their records.",
  options: [
    { flags: "--sink <name>", text: "which sink; default: the first", repeat: true },
    ...SCOPE_OPTIONS,
    ...RANGE_OPTIONS,
  ],
  examples: [
    "bulk-archiver list --topic logs --partition 0",
    "bulk-archiver list --sink ceph --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z --json",
  ],
  schema: "list.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const chosen = chooseSinks(config, args.texts("sink"));
    const filter = scopeFilter(args);
    const range = args.range();
    const { signal, out } = context;
    return withSinks(config, chosen, context, async (sinks) => {
      const found = all(sinks, async function* (named) {
        const scopes = await chooseScopes(named.sink, filter, liveTopicId(config, context), signal);
        const of = { ...named, say: indexNote(out) };
        for (const scope of scopes) yield* listedBatches(of, scope, range, signal);
      });
      const first = await found.next();
      if (first.done === true) {
        throw new ArchiverError(
          "nothing-in-scope",
          `no batch of ${scopeWords(filter)} is in that range`,
        );
      }
      const batches = prepend(first.value, found);
      await out.stream(out.json ? documentOf(batches) : tableOf(batches));
      return EXIT.done;
    });
  },
};

async function* all(
  sinks: readonly CommandSink[],
  of: (sink: CommandSink) => AsyncIterable<ListedBatch>,
): AsyncGenerator<ListedBatch> {
  for (const sink of sinks) yield* of(sink);
}

async function* prepend<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/** A JSON array, written as it comes: an archive can have more batches than fit in memory. */
async function* documentOf(batches: AsyncIterable<ListedBatch>): AsyncGenerator<string> {
  let before = "[\n";
  for await (const batch of batches) {
    yield `${before}${stringify(batch)}`;
    before = ",\n";
  }
  yield "\n]\n";
}

async function* tableOf(batches: AsyncIterable<ListedBatch>): AsyncGenerator<string> {
  let heading = "";
  let count = 0;
  let [records, bytes] = [0n, 0];
  for await (const b of batches) {
    const branch = b.branch > 0 ? ` branch ${b.branch}` : "";
    const title = `${b.sink}  ${b.topic}/${b.partition}  (topic id ${b.topicId}${branch})`;
    if (title !== heading) yield `${heading === "" ? "" : "\n"}${title}\n`;
    heading = title;
    yield `${line(b)}\n`;
    count += 1;
    records += b.records;
    bytes += b.size;
  }
  yield `\n${count} batches, ${records} records, ${sizeText(bytes)}\n`;
}

function line(b: ListedBatch): string {
  const range = `[${b.start}, ${b.end})`.padEnd(28);
  const records = `${b.records} records`.padStart(18);
  const times = `${timeText(b.minTimestamp)} … ${timeText(b.maxTimestamp)}`;
  const pending = b.state === "pending" ? "  in progress" : "";
  return `  ${range}${records}  ${sizeText(b.size).padStart(10)}  ${times}  ${b.path}${pending}`;
}
