import { ArchiverError } from "../core/errors.ts";
import { loadIdentities } from "../seal/keys.ts";
import { recordLine } from "../seal/ndjson.ts";
import { openContent, readRecords } from "../seal/unseal.ts";
import { holdsOf } from "../sdk/holds.ts";
import type { Sink } from "../sdk/sink.ts";
import type { ReadBatch } from "./archived-manifests.ts";
import { RANGE_OPTIONS, SCOPE_OPTIONS } from "./arguments.ts";
import { catLines } from "./cat-lines.ts";
import { chooseScopes, scopeFilter } from "./choose-scopes.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { liveTopicId } from "./live-topic-id.ts";
import { chooseSinks, withSinks } from "./open-sinks.ts";

export const catCommand: Command = {
  name: "cat",
  summary: "print archived records, one JSON object a line",
  details:
    "The lines of docs/format.md, ordered by topic, partition and offset. Every file is checked " +
    "whole before its records are printed. A range without records prints nothing.",
  options: [
    { flags: "--sink <name>", text: "which sink; default: the first" },
    ...SCOPE_OPTIONS,
    ...RANGE_OPTIONS,
    { flags: "--identity <file>", text: "age identity that opens encrypted files" },
  ],
  examples: [
    "bulk-archiver cat --topic logs --partition 0 --from 1200 --to 1300",
    "bulk-archiver cat --topic logs --from 2026-01-31T08:00:00Z --identity ./keys/identity | head",
  ],
  schema: null,
  run: async (args, context) => {
    const config = await context.config();
    const name = args.text("sink");
    const chosen = chooseSinks(config, name === undefined ? [] : [name]);
    const range = { from: args.bound("from"), to: args.bound("to") };
    const file = args.text("identity");
    const identities = file === undefined ? [] : await loadIdentities(file);
    const { signal, out } = context;
    return withSinks(config, chosen, context, async ([named]) => {
      if (named === undefined) throw new ArchiverError("usage", "the configuration has no sink");
      const { sink } = named;
      const scopes = await chooseScopes(
        sink,
        scopeFilter(args),
        liveTopicId(config, context),
        signal,
      );
      const options = {
        sink,
        scopes,
        ...range,
        read: readBatch(sink, identities),
        line: recordLine,
      };
      await out.stream(catLines(options, signal));
      return EXIT.done;
    });
  },
};

/** How a command reads one batch's records. */
export const readBatch =
  (sink: Sink, identities: readonly Uint8Array[]): ReadBatch =>
  (manifest, signal) => {
    if (sink.readRecords !== undefined && holdsOf(sink.capabilities) === "records")
      return sink.readRecords(manifest, signal);
    const stored = sink.read(manifest, { from: 0 }, signal);
    return readRecords(manifest, openContent(manifest, stored, { identities }));
  };
