import { randomUUID } from "node:crypto";
import type { Finding } from "../../src/sdk/sink.ts";
import { answerOf, type IndexSettings, settingsAnswer } from "./elasticsearch-answers.ts";
import type { ElasticsearchConfig } from "./elasticsearch-schema.ts";
import { path } from "./indices.ts";
import type { SearchClient } from "./search-client.ts";

/**
 * Makes an index as those of records are made, creates a document twice, reads it, looks at the settings
 * that the index got, and removes it; then reads the settings of the archive's indices.
 */
export async function findings(
  client: SearchClient,
  config: Pick<ElasticsearchConfig, "indexPrefix" | "indexSettings">,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const probed = await probe(client, config, signal);
  const there = await settings(client, `${config.indexPrefix}-*`, signal);
  return [...probed, ...there.flatMap(([name, own]) => settingsFindings(name, own))];
}

async function probe(
  client: SearchClient,
  { indexPrefix, indexSettings }: Pick<ElasticsearchConfig, "indexPrefix" | "indexSettings">,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  // A name that the cluster's templates for the archive's indices match as well.
  const name = `${indexPrefix}-records-check-${randomUUID().slice(0, 8)}`;
  const index = `/${path(name)}`;
  const body = { settings: indexSettings };
  await client.ask({ method: "PUT", path: index, body, what: "making an index" }, signal);
  try {
    const document = { at: "check" };
    const create = { method: "PUT", path: `${index}/_create/1`, body: document } as const;
    await client.ask({ ...create, what: "creating a document" }, signal);
    const again = { ...create, may: [409], what: "creating it again" };
    const { status } = await client.ask(again, signal);
    if (status !== 409) {
      const text = `creating a document twice was answered ${status}: create-only is not honoured`;
      return [finding("error", "elasticsearch-create-only", text)];
    }
    await client.ask({ method: "GET", path: `${index}/_doc/1`, what: "reading it" }, signal);
    const wrote = "documents are created once and read back";
    const [made] = await settings(client, name, signal);
    const found = settingsFindings("a new index", made?.[1] ?? {});
    const durable = !found.some((f) => f.code === "elasticsearch-translog");
    const synced = "a new index acknowledges documents when its translog is on disk";
    return [
      finding("ok", "elasticsearch-writes", wrote),
      ...(durable ? [finding("ok", "elasticsearch-translog", synced)] : []),
      ...found,
    ];
  } finally {
    await client.ask({ method: "DELETE", path: index, what: "removing an index" }, signal);
  }
}

/** What counts for an index, its own and the cluster's, by the index's name. */
async function settings(
  client: SearchClient,
  indices: string,
  signal: AbortSignal,
): Promise<readonly (readonly [string, IndexSettings])[]> {
  const asked = `/${path(indices)}/_settings`;
  const query = { include_defaults: "true" };
  const what = "settings of the archive's indices";
  const { body } = await client.ask({ method: "GET", path: asked, query, what }, signal);
  return Object.entries(answerOf(settingsAnswer, body, what)).map(([name, of]) => [
    name,
    { ...of.defaults?.index, ...of.settings?.index },
  ]);
}

function settingsFindings(name: string, own: IndexSettings): readonly Finding[] {
  const out: Finding[] = [];
  if (own.translog?.durability?.toLowerCase() === "async") {
    const text = `${name} has index.translog.durability=async: a crash loses acknowledged documents`;
    out.push(finding("warning", "elasticsearch-translog", text));
  }
  if (own.number_of_replicas === "0") {
    const text = `${name} has no replica: its documents are lost with its node's disk`;
    out.push(finding("warning", "elasticsearch-one-copy", text));
  }
  if (own.blocks?.read_only === "true" || own.blocks?.read_only_allow_delete === "true")
    out.push(finding("error", "elasticsearch-read-only", `${name} is read-only (full disk?)`));
  return out;
}

const finding = (level: Finding["level"], code: string, text: string): Finding => ({
  level,
  code,
  text,
});
