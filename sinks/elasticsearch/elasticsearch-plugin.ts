import type { Host, Sink, SinkPlugin } from "../../src/sdk/sink.ts";
import { elasticsearchSchema, type ElasticsearchConfig } from "./elasticsearch-schema.ts";
import { ElasticsearchSink } from "./elasticsearch-sink.ts";
import { SearchClient } from "./search-client.ts";

/** Elasticsearch 8: records as documents, or a catalogue of the archive. */
export const elasticsearchPlugin: SinkPlugin<ElasticsearchConfig> = {
  kind: "elasticsearch",
  sdk: 1,
  schema: elasticsearchSchema,
  where: ({ url, indexPrefix, mode }: ElasticsearchConfig) =>
    `${[url]
      .flat()
      .map((u) => new URL(u).host)
      .join(", ")} ${indexPrefix}, ${mode}`,
  readable: (config) => config.mode === "documents",
  open: (config: ElasticsearchConfig, host: Host, _signal: AbortSignal): Promise<Sink> =>
    Promise.resolve(new ElasticsearchSink(config, new SearchClient(config, host.baseDir))),
};
