import { ElasticsearchServer } from "../../servers/elasticsearch.ts";
import { searchHolds } from "../../sinks/all/same-records.ts";
import type { Store } from "./store.ts";

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
  const record = (topic: string, id: string): string =>
    `${PREFIX}-records-${topic}-000000/_doc/${encodeURIComponent(id)}?refresh=true`;
  const update = (topic: string, id: string): string =>
    record(topic, id).replace("_doc", "_update");
  const changed: string[] = [];
  return {
    settings: { kind: "elasticsearch", url, indexPrefix: PREFIX, plaintext: "allow" },
    place: "the indices",
    damages: [
      {
        what: "a document of it is changed",
        do: ({ description: d }) => {
          const id = `${d.topicId}:${d.partition}:${d.start}`;
          changed.push(record(d.topic, id));
          return post("POST", update(d.topic, id), { doc: { value: "of somebody else" } });
        },
      },
      {
        what: "a document of it is deleted",
        do: ({ description: d }) =>
          post("DELETE", record(d.topic, `${d.topicId}:${d.partition}:${d.start}`)),
      },
    ],
    byHand: {
      what: "the changed document is removed",
      do: () => Promise.all(changed.map((path) => post("DELETE", path))),
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    signal: (name) => (name === "SIGSTOP" ? server.freeze() : server.thaw()),
    remove: async () => {
      const names = await post("GET", `_cat/indices/${PREFIX}-*?h=index`);
      await post("DELETE", names.trim().split(/\s+/).join());
    },
    renew: () => Promise.resolve(),
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
