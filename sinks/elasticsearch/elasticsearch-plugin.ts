import type { Host, Sink, SinkPlugin } from "../../src/sdk/sink.ts";
import { elasticsearchSchema, type ElasticsearchConfig } from "./elasticsearch-schema.ts";
import { ElasticsearchSink } from "./elasticsearch-sink.ts";
import { SearchClient } from "./search-client.ts";

/** Elasticsearch 8: records as documents, or a catalogue of the archive. */
export const elasticsearchPlugin: SinkPlugin<ElasticsearchConfig> = {
  kind: "elasticsearch",
  sdk: 1,
  schema: elasticsearchSchema,
  readable: (config) => config.mode === "documents",
  open: async (config: ElasticsearchConfig, host: Host, signal: AbortSignal): Promise<Sink> => {
    signal.throwIfAborted();
    return new ElasticsearchSink(config, await SearchClient.open(config, host.baseDir));
  },
};
