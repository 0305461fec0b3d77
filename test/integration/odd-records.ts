import { randomBytes } from "node:crypto";
import { bytes, type NewRecord } from "./raw-producer.ts";

type Part = string | Buffer | null;
type Headers = readonly (readonly [Part, Part])[];

const DAY_MS = 86_400_000n;
const NO_UTF8 = Buffer.from([0x80, 0xff, 0x00, 0xc3, 0x28, 0xfe]);

export const record = (
  timestamp: bigint,
  key: Part,
  value: Part,
  headers: Headers = [],
): NewRecord => ({
  timestamp,
  key: bytes(key),
  value: bytes(value),
  headers: headers.map(([k, v]) => ({ key: bytes(k) ?? Buffer.alloc(0), value: bytes(v) })),
});

/** What a writer or a reader may get wrong. @param at milliseconds; some lie around it */
export const oddRecords = (at: bigint): NewRecord[] => [
  record(at, "key", "value", [["h", "1"]]),
  record(at - 5_000n, null, "a null key, earlier than the record before it"),
  record(-1n, "no time", "at all"),
  record(at + 1n, "", ""),
  record(at + 1n, "a tombstone", null),
  record(at - DAY_MS, null, null, [
    ["a", null],
    ["a", ""],
    ["a", "x"],
    ["", "an empty name"],
    ["", null],
    ["ä→", "ü\u2028"],
  ]),
  record(at + 1_000n, NO_UTF8, NO_UTF8, [
    ["z", "1"],
    ["a", NO_UTF8],
    ["z", "1"],
    [Buffer.from([0xff, 0x80]), "a name that is no UTF-8"],
  ]),
  record(0n, '"quotes" \\ and\nlines\r\n\t\u0001', '{"json":"in \\"json\\""}'),
  record(
    at,
    "many headers",
    "v",
    Array.from({ length: 300 }, (_, i) => [`h${i % 7}`, `${i}`]),
  ),
  record(at + 2n, Buffer.alloc(70_000, "k"), "a long key"),
  record(-1n, "the last one has no time", "either"),
];

/** Records that do not shrink, and some that do. */
export const bulkRecords = (at: bigint, count: number): NewRecord[] =>
  Array.from({ length: count }, (_, i) =>
    record(
      at + BigInt(i % 17),
      `k${i % 13}`,
      i % 3 === 0 ? randomBytes(900) : `{"n":${i},"text":"${"lorem ipsum ".repeat(i % 60)}"}`,
      [["trace", randomBytes(6)]],
    ),
  );

export const TEN_MB = 10 * 1000 * 1000;
export const bigRecord = (at: bigint, name: string): NewRecord =>
  record(at, name, randomBytes(TEN_MB), [["size", "10 MB"]]);
