import { beyondBounds, MANIFEST_BOUNDS } from "../../core/json-shape.ts";

/**
 * The form of a manifest (docs/format-manifest.md), written a second time on purpose: `verify`
 * would not notice an error of the writer if it asked the writer. Nothing here imports src/core's
 * manifest code, its schema or its JSON.
 */
export type Json =
  | null
  | boolean
  | string
  | bigint
  | readonly Json[]
  | { readonly [key: string]: Json };

type Rule = (value: Json | undefined) => string | undefined;

const MAX_BYTES = 16 << 20;
const INT64 = 2n ** 63n;

const integer =
  (min: bigint, max: bigint): Rule =>
  (v) =>
    typeof v === "bigint" && v >= min && v <= max ? undefined : `is no integer in [${min}, ${max}]`;
const text =
  (form: RegExp): Rule =>
  (v) =>
    typeof v === "string" && form.test(v) ? undefined : `does not look like ${form.source}`;
const oneOf =
  (...words: string[]): Rule =>
  (v) =>
    typeof v === "string" && words.includes(v) ? undefined : `is none of ${words.join(", ")}`;
const optional =
  (rule: Rule): Rule =>
  (v) =>
    v === undefined ? undefined : rule(v);
const orNull =
  (rule: Rule): Rule =>
  (v) =>
    v === null ? undefined : rule(v);
const list =
  (rule: Rule, most: number): Rule =>
  (v) => {
    if (!Array.isArray(v)) return "is no list";
    if (v.length > most) return `has more than ${most} entries`;
    for (const [i, one] of (v as readonly Json[]).entries()) {
      const wrong = rule(one);
      if (wrong !== undefined) return `entry ${i} ${wrong}`;
    }
    return undefined;
  };
/** Exactly these keys, in this order; what is `undefined` was left out. */
const object =
  (fields: Readonly<Record<string, Rule>>): Rule =>
  (v) => {
    if (typeof v !== "object" || v === null || Array.isArray(v)) return "is no object";
    const value = v as { readonly [key: string]: Json };
    const order = Object.keys(fields).filter((key) => key in value);
    const found = Object.keys(value);
    const stray = found.find((key) => !(key in fields));
    if (stray !== undefined) return `has an unknown field ${JSON.stringify(stray)}`;
    if (order.join() !== found.join()) return "has its fields in another order";
    for (const [key, rule] of Object.entries(fields)) {
      const wrong = rule(value[key]);
      if (wrong !== undefined) return `${key} ${wrong}`;
    }
    return undefined;
  };

const offset = integer(0n, INT64 - 1n);
const int32 = integer(0n, 2n ** 31n - 1n);
const hex32 = text(/^[0-9a-f]{64}$/);
const timestamp = orNull(integer(-INT64, INT64 - 1n));
const printable = (most: number): Rule => text(new RegExp(`^[\\x21-\\x7e]{1,${most}}$`));
const size = integer(0n, 2n ** 53n - 1n);

const REASONS = [
  "aborted",
  "control",
  "compacted",
  "filtered",
  "dead-lettered",
  "retention",
  "skipped",
];
const hole = object({
  from: offset,
  to: offset,
  reason: oneOf(...REASONS),
  offsets: optional(offset),
  text: optional(text(/^[\x20-\x7e]{1,200}$/)),
});
const digest = object({ algorithm: oneOf("blake3"), digest: hex32 });
const tag = object({ algorithm: oneOf("blake3"), tag: hex32 });
const content: Rule = (v) => (digest(v) === undefined ? undefined : tag(v));

const seal = object({
  path: printable(1024),
  size,
  digest: hex32,
  digestAlgorithm: oneOf("blake3"),
  codec: oneOf("none", "zstd", "gzip"),
  contentSize: size,
  encryption: oneOf("none", "age"),
  keyId: optional(printable(64)),
  recipients: list(printable(4096), 64),
});

const signature = object({
  algorithm: oneOf("ed25519"),
  keyId: printable(64),
  value: text(/^[0-9a-f]{128}$/),
});

const manifest = object({
  version: integer(1n, 1n),
  archiveId: printable(64),
  clusterId: printable(256),
  topic: text(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/),
  topicId: text(/^(_|[A-Za-z0-9_-]{22})$/),
  partition: int32,
  branch: int32,
  start: offset,
  end: offset,
  batchId: printable(512),
  revision: int32,
  leaderEpoch: integer(-1n, 2n ** 31n - 1n),
  records: offset,
  aborted: offset,
  control: offset,
  compacted: offset,
  filtered: offset,
  deadLettered: offset,
  holes: list(hole, 65_536),
  minTimestamp: timestamp,
  maxTimestamp: timestamp,
  format: oneOf("segment", "ndjson"),
  content,
  contentCheck: optional(hex32),
  recordsDigest: optional(hex32),
  seal,
  prevLink: hex32,
  link: hex32,
  signature: optional(signature),
  mac: optional(hex32),
});

/** The value, every number as an exact bigint; or what is wrong with the text. */
export function readOwn(
  bytes: Uint8Array,
): { value: { readonly [k: string]: Json } } | { wrong: string } {
  if (bytes.length > MAX_BYTES) return { wrong: `has ${bytes.length} bytes, at most ${MAX_BYTES}` };
  const beyond = beyondBounds(bytes, MANIFEST_BOUNDS);
  if (beyond !== undefined) return { wrong: beyond };
  let parsed: Json;
  let source: string;
  try {
    source = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    parsed = JSON.parse(source, exactNumbers as (key: string, value: unknown) => unknown) as Json;
  } catch (error) {
    return {
      wrong: `is not JSON in UTF-8 (${error instanceof Error ? error.message : String(error)})`,
    };
  }
  const wrong = manifest(parsed);
  if (wrong !== undefined) return { wrong };
  // Written out again it must be the same text: no repeated keys, spaces or other spellings.
  if (`${spell(parsed)}\n` !== source) return { wrong: "is not in the one canonical spelling" };
  return { value: parsed as { readonly [k: string]: Json } };
}

function exactNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number") return value;
  const literal = context?.source ?? "";
  if (!/^-?\d{1,19}$/.test(literal)) throw new SyntaxError(`${literal} is no integer`);
  return BigInt(literal);
}

function spell(value: Json): string {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(spell).join(",")}]`;
  const fields = Object.entries(value).map(([key, v]) => `${JSON.stringify(key)}:${spell(v)}`);
  return `{${fields.join(",")}}`;
}
