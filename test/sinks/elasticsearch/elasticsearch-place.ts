import { randomUUID } from "node:crypto";
import { elasticsearchPlugin } from "../../../sinks/elasticsearch/elasticsearch-plugin.ts";
import { scopeText } from "../../../src/core/scope.ts";
import type { ConformancePlace, ConformanceTarget } from "../../../src/sdk/conformance.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { openFaulty } from "../faulty-http.ts";
import { type ElasticsearchAddress, ElasticsearchServer } from "../../servers/elasticsearch.ts";
import { sharedServer } from "../../servers/shared-servers.ts";

const never = new AbortController().signal;

/** The run's server, or one of this file's own; then `stop` ends it. */
export async function elasticsearch(): Promise<
  ElasticsearchAddress & { readonly stop: () => Promise<void> }
> {
  const kept = await sharedServer("elasticsearch");
  if (kept !== undefined) return { ...kept, stop: () => Promise.resolve() };
  const server = await ElasticsearchServer.start();
  // Writers in processes of their own look for it there.
  process.env["TEST_ELASTICSEARCH"] = JSON.stringify(server.address);
  const stop = (): Promise<void> => {
    delete process.env["TEST_ELASTICSEARCH"];
    return server.stop();
  };
  return { ...server.address, stop };
}

const shared = (): string => {
  const found = process.env["TEST_ELASTICSEARCH"];
  if (found === undefined) throw new Error("TEST_ELASTICSEARCH is not set");
  return (JSON.parse(found) as ElasticsearchAddress).url;
};

/** What the conformance kit's writer processes load; `address` is an index prefix. */
export const openSink = (address: string): Promise<Sink> => openWith(address, {});

export function openWith(
  indexPrefix: string,
  more: Readonly<Record<string, unknown>>,
): Promise<Sink> {
  const config = elasticsearchPlugin.schema.parse({ url: shared(), indexPrefix, ...more });
  return elasticsearchPlugin.open(config, { name: "search", baseDir: "/" }, never);
}

export const elasticsearchTarget: ConformanceTarget = {
  module: new URL(import.meta.url),
  batches: 2_000,
  place: () => Promise.resolve(placeAt(`t${randomUUID().slice(0, 8)}`)),
};

interface Hits {
  readonly hits: { readonly hits: readonly { _id: string; _source: Record<string, unknown> }[] };
}

/** Everything of an index, by plain HTTP. */
export async function documents(index: string): Promise<Hits["hits"]["hits"]> {
  await fetch(`${shared()}/${index}/_refresh`, { method: "POST" });
  const answer = await fetch(`${shared()}/${index}/_search?size=10000&ignore_unavailable=true`);
  return ((await answer.json()) as Hits).hits.hits;
}

/** What only asks, and is a POST all the same. */
const READS = /\/_(search|count|mget|msearch|pit|refresh)\b/;

export function placeAt(prefix: string): ConformancePlace {
  const drop = async (): Promise<void> => {
    const answer = await fetch(`${shared()}/_cat/indices/${prefix}-*?h=index`);
    for (const index of (await answer.text()).split("\n").filter((line) => line !== "")) {
      await fetch(`${shared()}/${index.trim()}`, { method: "DELETE" });
    }
  };
  return {
    address: prefix,
    open: () => openSink(prefix),
    openFaulty: () =>
      openFaulty(
        new URL(shared()),
        (url) => openWith(prefix, { url }),
        ({ method, url = "" }) => method !== "GET" && method !== "HEAD" && !READS.test(url),
      ),
    damage: async ({ description: d }) => {
      const id = encodeURIComponent(`${d.topicId}:${d.partition}:${d.start}`);
      const index = `${prefix}-records-${d.topic}-000000`;
      await fetch(`${shared()}/${index}/_update/${id}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ doc: { value: "another" } }),
      });
    },
    finalNames: async () => {
      const found = await documents(`${prefix}-batches`);
      return found.map(({ _id, _source }) => nameOf(_id, _source)).sort();
    },
    dispose: drop,
  };
}

/** What a blob sink would call what this document says. */
function nameOf(id: string, source: Readonly<Record<string, unknown>>): string {
  if (id === "archive") return "archive.json";
  const d = JSON.parse(String(source["text"])) as {
    seal: { path: string };
    start: number;
  } & Parameters<typeof scopeText>[0];
  return id.startsWith("data/") ? d.seal.path : `manifests/${scopeText(d)}/${d.start}.json`;
}
