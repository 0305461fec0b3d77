import { randomUUID } from "node:crypto";
import type { Finding } from "../../src/sdk/sink.ts";
import { path } from "./indices.ts";
import type { SearchClient } from "./search-client.ts";

interface IndexSettings {
  readonly settings?: { readonly index?: Settings };
  readonly defaults?: { readonly index?: Settings };
}

interface Settings {
  readonly number_of_replicas?: string;
  readonly translog?: { readonly durability?: string };
  readonly blocks?: { readonly read_only?: string; readonly read_only_allow_delete?: string };
}

/** Makes an index, creates a document twice, reads it and removes the index; then reads settings. */
export async function findings(
  client: SearchClient,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  return [await probe(client, prefix, signal), ...(await settings(client, prefix, signal))];
}

async function probe(client: SearchClient, prefix: string, signal: AbortSignal): Promise<Finding> {
  const index = `/${path(`${prefix}-check-${randomUUID().slice(0, 8)}`)}`;
  await client.ask({ method: "PUT", path: index, body: {}, what: "making an index" }, signal);
  try {
    const body = { at: "check" };
    const create = { method: "PUT", path: `${index}/_create/1`, body } as const;
    await client.ask({ ...create, what: "creating a document" }, signal);
    const again = { ...create, may: [409], what: "creating it again" };
    const { status } = await client.ask(again, signal);
    if (status !== 409) {
      const text = `creating a document twice was answered ${status}: create-only is not honoured`;
      return finding("error", "elasticsearch-create-only", text);
    }
    await client.ask({ method: "GET", path: `${index}/_doc/1`, what: "reading it" }, signal);
    return finding("ok", "elasticsearch-writes", "documents are created once and read back");
  } finally {
    await client.ask({ method: "DELETE", path: index, what: "removing an index" }, signal);
  }
}

/** Of the archive's indices that are there. */
async function settings(
  client: SearchClient,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const asked = `/${path(prefix)}-*/_settings`;
  const query = { include_defaults: "true" };
  const what = "settings of the archive's indices";
  const { body } = await client.ask({ method: "GET", path: asked, query, what }, signal);
  return Object.entries(body as Record<string, IndexSettings>).flatMap(([name, of]) => {
    const own = of.settings?.index ?? {};
    const durability = own.translog?.durability ?? of.defaults?.index?.translog?.durability;
    const out: Finding[] = [];
    if (durability?.toLowerCase() === "async") {
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
  });
}

const finding = (level: Finding["level"], code: string, text: string): Finding => ({
  level,
  code,
  text,
});
