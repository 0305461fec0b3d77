import type { Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { loadIdentities } from "../seal/keys.ts";
import { recordLine } from "../seal/ndjson.ts";
import { openContent, readRecords } from "../seal/unseal.ts";
import { holdsOf } from "../sdk/holds.ts";
import type { Sink } from "../sdk/sink.ts";
import type { ReadBatch } from "./archived-manifests.ts";
import { type Arguments, RANGE_OPTIONS, SCOPE_OPTIONS } from "./arguments.ts";
import { catLines } from "./cat-lines.ts";
import { chooseScopes, scopeFilter } from "./choose-scopes.ts";
import type { Command } from "./command.ts";
import { FramedContent } from "./seek/framed-content.ts";
import { seekRecords } from "./seek/seek-records.ts";
import { openStoredPart } from "./seek/stored-part.ts";
import { storedForm } from "./stored-form.ts";
import { EXIT } from "./exit-code.ts";
import { indexNote } from "./index/index-note.ts";
import { keptBatches } from "./kept-batches.ts";
import { liveTopicId } from "./live-topic-id.ts";
import { chooseSinks, withSinks } from "./open-sinks.ts";

export const catCommand: Command = {
  name: "cat",
  summary: "print archived records, one JSON object a line",
  details:
    "The lines of docs/format.md, ordered by topic, partition and offset. Every file is checked " +
    "whole before its records are printed. A range without records prints nothing. With --key only " +
    "batches are opened that may hold it, where `index --keys` has made filters. One record is one " +
    "line, so grep, jq and DuckDB take it from there.",
  options: [
    { flags: "--sink <name>", text: "which sink; default: the first" },
    ...SCOPE_OPTIONS,
    ...RANGE_OPTIONS,
    { flags: "--key <text>", text: "only records with this key" },
    { flags: "--key-base64 <bytes>", text: "the same for a key that is no text", parse: base64 },
    {
      flags: "--seek",
      text: "of files of lines read only what the range needs; their digests are not checked then",
    },
    { flags: "--identity <file>", text: "age identity that opens encrypted files" },
  ],
  examples: [
    "bulk-archiver cat --topic logs --partition 0 --from 1200 --to 1300",
    "bulk-archiver cat --topic logs --from 2026-01-31T08:00:00Z --identity ./keys/identity | head",
    "bulk-archiver cat --topic logs --key user-17 | jq .value",
    "bulk-archiver cat --topic logs --from 2026-01-31T08:00:00Z | grep timeout",
  ],
  schema: null,
  run: async (args, context) => {
    const config = await context.config();
    const name = args.text("sink");
    const chosen = chooseSinks(config, name === undefined ? [] : [name]);
    const range = args.range();
    const file = args.text("identity");
    const identities = file === undefined ? [] : await loadIdentities(file);
    const { signal, out } = context;
    return withSinks(config, chosen, context, async ([named]) => {
      if (named === undefined) throw new ArchiverError("usage", "the configuration has no sink");
      const { sink, expired } = keptBatches(named.sink, config, context);
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
        read: args.flag("seek") ? seekingReader(sink, identities) : readBatch(sink, identities),
        line: recordLine,
        say: indexNote(out),
        key: keyOf(args),
        expired,
        onExpired: (text: string) => out.note(`bulk-archiver: ${text}`),
      };
      await out.stream(catLines(options, signal));
      return EXIT.done;
    });
  },
};

/** Undefined: records of any key. @throws ArchiverError usage */
function keyOf(args: Arguments): Uint8Array | undefined {
  const [text, bytes] = [args.text("key"), args.value<Buffer>("keyBase64")];
  if (text !== undefined && bytes !== undefined) {
    throw new ArchiverError("usage", "--key and --key-base64 are two ways to say one thing");
  }
  return text === undefined ? bytes : Buffer.from(text, "utf8");
}

function base64(text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "")) return bytes;
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no base64`);
}

/** How a command reads one batch's records. @throws ArchiverError usage for a sink that has none */
export function readBatch(sink: Sink, identities: readonly Uint8Array[]): ReadBatch {
  const holds = holdsOf(sink.capabilities);
  if (holds === "manifests") {
    const text = "this sink keeps manifests only, and no records: name another with --sink";
    throw new ArchiverError("usage", text);
  }
  return (manifest, signal) => {
    if (sink.readRecords !== undefined && holds === "records")
      return sink.readRecords(manifest, signal);
    return storedRecords(sink, manifest, identities, signal);
  };
}

/** As `readBatch`, but reads no more of a large file of lines than is wanted of it. */
const seekingReader =
  (sink: Sink, identities: readonly Uint8Array[]): ReadBatch =>
  (m, signal, wanted) => {
    const part = wanted !== undefined && (wanted.from > m.start || wanted.to < m.end);
    const lines = m.format === "ndjson" && m.seal.codec === "zstd";
    const files = holdsOf(sink.capabilities) === "files";
    if (!part || !lines || !files) return readBatch(sink, identities)(m, signal);
    return soughtRecords(sink, m, identities, wanted, signal);
  };

async function* soughtRecords(
  sink: Sink,
  manifest: Manifest,
  identities: readonly Uint8Array[],
  wanted: { readonly from: bigint; readonly to: bigint },
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedRecord[]> {
  const now = await storedForm(sink, manifest, signal);
  const part = await openStoredPart(sink, now, identities, signal);
  yield* seekRecords(now, await FramedContent.open(part, now), wanted, signal);
}

async function* storedRecords(
  sink: Sink,
  manifest: Manifest,
  identities: readonly Uint8Array[],
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedRecord[]> {
  const now = await storedForm(sink, manifest, signal);
  const stored = sink.read(now, { from: 0 }, signal);
  yield* readRecords(now, openContent(now, stored, { identities }));
}
