import type { SealedBatch } from "../../../src/sdk/sink.ts";
import { ElasticsearchServer } from "../../servers/elasticsearch.ts";
import { batchDocuments } from "../../sinks/elasticsearch/documents.ts";
import { searchHolds } from "../../sinks/all/same-records.ts";
import type { Refusal, Store } from "./store.ts";

const PREFIX = "matrix";

export async function elasticsearch(): Promise<Store> {
  const server = await ElasticsearchServer.start();
  const { url } = server.address;
  const post = async (method: string, path: string, body?: unknown): Promise<string> => {
    const answer = await fetch(`${url}/${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text;
  };
  const record = ({ description }: SealedBatch): string =>
    batchDocuments(PREFIX, description).record;
  const damaged: string[] = [];
  /** What says that the batch is there. */
  const remember = ({ description }: SealedBatch): void =>
    void damaged.push(...batchDocuments(PREFIX, description).said);
  const blocked = (what: string, block: string): Refusal => {
    const set = (on: boolean | null) => (): Promise<unknown> =>
      post("PUT", `${PREFIX}-*/_settings`, { [`index.blocks.${block}`]: on });
    return { what, begin: set(true), end: set(null) };
  };
  return {
    settings: { kind: "elasticsearch", url, indexPrefix: PREFIX, plaintext: "allow" },
    place: "the indices",
    damages: [
      {
        what: "a document of it is changed",
        do: (batch) => {
          remember(batch);
          damaged.push(record(batch));
          const path = record(batch).replace("_doc", "_update");
          return post("POST", path, { doc: { value: "of somebody else" } });
        },
      },
      {
        what: "a document of it is deleted",
        do: (batch) => {
          remember(batch);
          return post("DELETE", record(batch));
        },
      },
    ],
    byHand: {
      what: "the changed document is removed, and those that say that the two batches are there",
      do: () => Promise.all(damaged.map((path) => post("DELETE", path))),
    },
    refusals: [
      // What a node does itself at its flood-stage mark.
      blocked("its disk is full", "read_only_allow_delete"),
      blocked("its indices are read-only", "read_only"),
    ],
    kill: () => server.kill(),
    restart: () => server.restart(),
    signal: (name) => (name === "SIGSTOP" ? server.freeze() : server.thaw()),
    remove: async () => {
      const names = await post("GET", `_cat/indices/${PREFIX}-*?h=index`);
      await post("DELETE", names.trim().split(/\s+/).join());
    },
    renew: () => Promise.resolve(),
    snapshot: () => server.snapshot(),
    audited: async (s) => {
      await s.audited(["files"]);
      const records = await searchHolds(url, PREFIX, {
        bootstrap: s.kafka.bootstrap,
        topic: s.topic,
      });
      s.reported.push(`elasticsearch: ${records} documents, each once and equal`);
    },
    stop: () => server.stop(),
  };
}
