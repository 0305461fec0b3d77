import type { Description } from "../../../src/core/description.ts";
import { batchId } from "../../../src/core/scope.ts";
import type { RawRecord } from "../kafka/raw-records.ts";

/** A document as it lies there, by plain HTTP. */
export interface StoredDocument {
  readonly _id: string;
  readonly partition: number;
  readonly offset: number;
  readonly [field: string]: unknown;
}

interface Page {
  readonly hits: {
    readonly hits: readonly {
      readonly _id: string;
      readonly _source: Omit<StoredDocument, "_id">;
      readonly sort: readonly unknown[];
    }[];
  };
}

const PAGE = 5_000;

/** All documents of the indices, page by page. */
export async function documentsBelow(url: string, indices: string): Promise<StoredDocument[]> {
  await fetch(`${url}/${indices}/_refresh`, { method: "POST" });
  const found: StoredDocument[] = [];
  let after: readonly unknown[] | undefined;
  for (;;) {
    const answer = await fetch(`${url}/${indices}/_search?ignore_unavailable=true`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        size: PAGE,
        sort: [{ partition: "asc" }, { offset: "asc" }],
        ...(after === undefined ? {} : { search_after: after }),
      }),
    });
    if (!answer.ok) throw new Error(`${indices}: ${answer.status} ${await answer.text()}`);
    const { hits } = ((await answer.json()) as Page).hits;
    for (const { _id, _source } of hits) found.push({ ..._source, _id } as StoredDocument);
    if (hits.length < PAGE) return found;
    after = hits.at(-1)?.sort;
  }
}

/** Below a server's address: of a batch's first record, and of what says that the batch is there. */
export function batchDocuments(
  prefix: string,
  d: Description,
): { readonly record: string; readonly said: readonly string[] } {
  const path = (index: string, id: string): string =>
    `${prefix}-${index}/_doc/${encodeURIComponent(id)}?refresh=true`;
  const record = path(`records-${d.topic}-000000`, `${d.topicId}:${d.partition}:${d.start}`);
  const said = ["data", "manifest"].map((kind) => path("batches", `${kind}/${batchId(d)}`));
  return { record, said };
}

type Fields = Readonly<Record<string, unknown>>;

/** A document's record as librdkafka would show it. */
export const rawOf = (d: StoredDocument): RawRecord => ({
  offset: d.offset,
  timestamp: d["timestamp"] as number,
  key: hexOf(d, "key"),
  value: hexOf(d, "value"),
  headers: (d["headers"] as readonly Fields[]).map(
    (h) => `${String(h["key"])}=${h["value"] === null ? "NULL" : String(h["value"])}`,
  ),
});

function hexOf(d: Fields, name: string): string | null {
  const base64 = d[`${name}Base64`];
  if (typeof base64 === "string") return Buffer.from(base64, "base64").toString("hex");
  const text = d[name];
  return typeof text === "string" ? Buffer.from(text, "utf8").toString("hex") : null;
}
