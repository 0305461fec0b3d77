import type { Config } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import { loadIdentities } from "../seal/keys.ts";
import { type Arguments, SCOPE_OPTIONS, wholeNumber } from "./arguments.ts";
import { readBatch } from "./cat.ts";
import { chooseScopes, scopeFilter } from "./choose-scopes.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import type { IndexedPartition, IndexReport } from "./index/index-report.ts";
import { writeKeyFilters } from "./index/write-key-filters.ts";
import { type IndexOptions, writeRollUps } from "./index/write-roll-ups.ts";
import { keptBatches } from "./kept-batches.ts";
import { liveTopicId } from "./live-topic-id.ts";
import { chooseSinks, type CommandSink, withSinks } from "./open-sinks.ts";
import { Progress } from "./progress.ts";

/** Of one roll-up: what fits in a small document, compressed. */
const MOST = 1_000;

export const indexCommand: Command = {
  name: "index",
  summary: "roll up manifests, a thousand at a time, so that look-ups are fast",
  details:
    "Writes below index/, create-only: everything there is derived and can be deleted and made again. " +
    "list, verify --quick and times in --from and --to read it and never trust it. A run that was " +
    "interrupted goes on where it was. Safe beside a running daemon.",
  options: [
    { flags: "--sink <name>", text: "which sink; default: the first", repeat: true },
    ...SCOPE_OPTIONS,
    {
      flags: "--every <batches>",
      text: `batches of one roll-up, 10 to ${MOST}; default: ${MOST}`,
      parse: wholeNumber,
    },
    { flags: "--rebuild", text: "read every manifest and make anew what is not as they are" },
    { flags: "--keys", text: "also a filter of keys for each batch, which cat --key reads" },
    {
      flags: "--keys-in-clear",
      text: "also of encrypted batches: whoever reads the sink can then ask whether a key is there",
    },
    { flags: "--identity <file>", text: "age identity that opens encrypted files" },
    { flags: "--dry-run", text: "say what would be written" },
  ],
  examples: [
    "bulk-archiver index",
    "bulk-archiver index --sink ceph --topic logs --keys",
    "bulk-archiver index --rebuild --json",
  ],
  schema: "index.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const chosen = chooseSinks(config, args.texts("sink"));
    const every = args.number("every") ?? MOST;
    if (every < 10 || every > MOST) {
      throw new ArchiverError("usage", `--every ${every}: from 10 to ${MOST}`);
    }
    const { out, signal, tool } = context;
    const report = await withSinks(config, chosen, context, async (sinks) => {
      const found: IndexReport["sinks"] = [];
      for (const named of sinks) {
        const live = liveTopicId(config, context);
        const scopes = await chooseScopes(named.sink, scopeFilter(args), live, signal);
        const partitions: IndexedPartition[] = [];
        for (const scope of scopes)
          partitions.push(await indexOne(args, context, named, { config, scope, every }));
        found.push({ name: named.name, partitions });
      }
      return { ok: true, tool, dryRun: args.flag("dryRun"), sinks: found };
    });
    await (out.json ? out.document(report) : out.text(summary(report)));
    return EXIT.done;
  },
};

async function indexOne(
  args: Arguments,
  context: CommandContext,
  { name, sink }: CommandSink,
  { config, scope, every }: Pick<IndexOptions, "scope" | "every"> & { readonly config: Config },
): Promise<IndexedPartition> {
  const { out, signal, clock } = context;
  const { documents } = sink;
  if (documents === undefined) {
    throw new ArchiverError("usage", `sink ${name} keeps batches only: it can have no index`);
  }
  const title = `index ${scope.topic}/${scope.partition}`;
  const now = (): number => clock.now();
  const progress = new Progress({ title, unit: "batches", stderr: out.stderr, now });
  const dryRun = args.flag("dryRun");
  const place = { sink, documents, scope, every, dryRun };
  try {
    const done = (batches: number): void => progress.done(batches, 0);
    const rebuild = args.flag("rebuild");
    const rolled = await writeRollUps({ ...place, rebuild, done }, signal);
    if (!args.flag("keys")) return { ...scope, ...rolled, keys: null };
    const file = args.text("identity");
    const identities = file === undefined ? [] : await loadIdentities(file);
    const inClear = args.flag("keysInClear");
    const kept = keptBatches(sink, config, context);
    const how = { sink: kept.sink, read: readBatch(sink, identities), inClear, rebuild };
    const keys = await writeKeyFilters(
      { ...place, ...how, done: (m) => progress.done(1, m.seal.size) },
      signal,
    );
    return { ...scope, ...rolled, keys };
  } finally {
    progress.stop();
  }
}

function summary({ sinks, dryRun }: IndexReport): string[] {
  return sinks.flatMap(({ name, partitions }) =>
    partitions.map((p) => {
      const verb = dryRun ? "to write" : "written";
      const stale = p.stale > 0 ? `, ${p.stale} were stale` : "";
      const without = p.keys?.without ?? 0;
      const lacking =
        without === 0 ? "" : `, none for ${without} batches (encrypted, or too many keys)`;
      const keys = p.keys === null ? "" : `; filters of keys: ${p.keys.written} ${verb}${lacking}`;
      return (
        `${name}  ${p.topic}/${p.partition}: ${p.rollUps} roll-ups, ${p.written} ${verb}${stale}, ` +
        `${p.tail} batches behind them${keys}`
      );
    }),
  );
}
