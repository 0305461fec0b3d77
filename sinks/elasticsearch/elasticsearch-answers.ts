import { z } from "zod";
import { checked } from "../../src/core/checked.ts";
import { topicIdText, topicName } from "../../src/core/manifest-schema.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";

/** What Elasticsearch answers, as far as it is used; anything else is refused by name. */
const integer = z.union([z.bigint(), z.int().transform((n) => BigInt(n))]);
const offset = integer.refine((n) => n >= 0n && n < 1n << 63n, "expected an offset");
const int32 = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** A document of the batches index, by its id. */
const stored = z.object({
  found: z.boolean().optional(),
  _seq_no: z.unknown().optional(),
  _primary_term: z.unknown().optional(),
  _source: z
    .object({
      text: z.string(),
      rejected: z.int().min(0).optional(),
      recordsDigest: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional(),
    })
    .optional(),
});
export type FoundDocument = z.output<typeof stored>;
export const storedAnswer = stored;
export const storedAnswers = z.object({ docs: z.array(stored).length(2) });

const hitsOf = <T>(source: z.ZodType<T>) =>
  z.object({
    hits: z.object({
      hits: z.array(z.object({ _source: source, sort: z.array(z.unknown()).min(1) })).max(10_000),
    }),
  });

/** What a listing shows of a batch. */
export const listedAnswer = hitsOf(
  z.object({
    kind: z.enum(["data", "manifest"]),
    start: offset,
    path: z.string().max(1024),
    size: z.int().min(0),
  }),
);
export const textsAnswer = hitsOf(z.object({ text: z.string() }));
export const recordsAnswer = hitsOf(z.record(z.string(), z.unknown()));

const scope = z.object({
  topic: topicName,
  topicId: topicIdText,
  partition: int32,
  branch: int32,
});
export const scopesAnswer = z.object({
  aggregations: z.object({
    scopes: z.object({
      buckets: z.array(z.object({ key: scope })).max(10_000),
      after_key: z.unknown().optional(),
    }),
  }),
});

/** Each item of a bulk request has a status of its own. */
export const bulkAnswer = z.object({
  items: z.array(
    z.object({ create: z.looseObject({ status: z.int(), error: z.unknown().optional() }) }),
  ),
});
export const recordsById = z.object({
  docs: z.array(z.object({ found: z.boolean().optional(), _source: z.unknown().optional() })),
});

const word = z.string().optional();
const indexSettings = z.object({
  number_of_replicas: word,
  translog: z.object({ durability: word }).optional(),
  blocks: z.object({ read_only: word, read_only_allow_delete: word }).optional(),
});
export type IndexSettings = z.output<typeof indexSettings>;
const settingsLevel = z.object({ index: indexSettings.optional() }).optional();
export const settingsAnswer = z.record(
  z.string(),
  z.object({ settings: settingsLevel, defaults: settingsLevel }),
);

/** Of each index that has the name, or is behind an alias of that name. */
export const indexAnswer = z.record(
  z.string(),
  z.object({
    settings: z.object({ index: z.object({ uuid: z.string() }) }),
    mappings: z
      .object({ properties: z.record(z.string(), z.object({ type: word })).optional() })
      .optional(),
  }),
);

/** @throws SinkError `sink-transient`: a gateway may answer something else for a while. */
export function answerOf<T>(schema: z.ZodType<T>, body: unknown, what: string): T {
  const result = checked(schema, body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const text = `${what}: Elasticsearch answered unexpected JSON: ${issue?.path.join(".")}: ${issue?.message}`;
  throw new SinkError("sink-transient", text);
}

/** A search that goes on after what was found last has to come to others. */
export class Progress {
  #last = "";
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  /** @throws SinkError `sink-transient` when it is where it was */
  after<T>(place: T): T {
    const text = JSON.stringify(place, (_key, v: unknown) => (typeof v === "bigint" ? `${v}` : v));
    if (text === this.#last || text === undefined) {
      throw new SinkError("sink-transient", `${this.#what}: the pages do not get on`);
    }
    this.#last = text;
    return place;
  }
}
