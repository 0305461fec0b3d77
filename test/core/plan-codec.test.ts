import fc from "fast-check";
import { expect, test } from "vitest";
import type { ContentMark } from "../../src/core/description.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { decodePlans, encodePlans, type Plans } from "../../src/core/plan-codec.ts";
import type { Plan } from "../../src/core/plan.ts";

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString("hex"));
const word = (max: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 1, maxLength: max })
    .map((codes) => String.fromCharCode(...codes));
const topicId = hex(16).map((h) => Buffer.from(h, "hex").toString("base64url"));
const content: fc.Arbitrary<ContentMark> = fc.oneof(
  hex(32).map((digest) => ({ algorithm: "blake3" as const, digest })),
  hex(32).map((tag) => ({ algorithm: "blake3" as const, tag })),
);
const INT64_MAX = (1n << 63n) - 1n;

const plan: fc.Arbitrary<Plan> = fc
  .record({
    clusterId: word(256),
    topicId: fc.oneof(topicId, fc.constant("_")),
    branch: fc.nat(2 ** 31 - 1),
    leaderEpoch: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
    start: fc.bigInt({ min: 0n, max: 1n << 62n }),
    end: fc.bigInt({ min: 1n, max: 1n << 40n }),
    records: fc.nat(1000),
    content,
    format: fc.constantFrom("segment" as const, "ndjson" as const),
    codec: fc.constantFrom("none" as const, "zstd" as const, "gzip" as const),
    level: fc.integer({ min: -131_072, max: 22 }),
    keyId: fc.option(word(64)),
    salt: fc.option(hex(16)),
    firstTimestamp: fc.option(fc.bigInt({ min: -(1n << 63n), max: INT64_MAX })),
    revision: fc.nat(2 ** 31 - 1),
  })
  .map((p) => ({ ...p, records: (p.end * BigInt(p.records)) / 1000n, end: p.start + p.end }));

/** Up to four plans, each beginning where the one before it ends. */
const plans: fc.Arbitrary<Plans> = fc.record({
  plans: fc.array(plan, { maxLength: 4 }).map((list) => {
    let start = list[0]?.start ?? 0n;
    return list.map((p) => {
      const moved = { ...p, start, end: start + (p.end - p.start) };
      start = moved.end;
      return moved;
    });
  }),
  chain: fc.option(fc.record({ offset: fc.bigInt({ min: 0n, max: INT64_MAX }), link: hex(32) })),
  behind: fc.array(
    fc.record({
      sink: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$/),
      offset: fc.bigInt({ min: 0n, max: INT64_MAX }),
    }),
    { maxLength: 3 },
  ),
});

const usual: Plan = {
  clusterId: "MkU3OEVBNTcwNTJENDM2Qk",
  topicId: "Xh2PzgpaRmKBqTzRJYdZ0A",
  branch: 0,
  leaderEpoch: 12,
  start: 123_456_789_012n,
  end: 123_456_829_012n,
  records: 39_990n,
  content: { algorithm: "blake3", tag: "5a".repeat(32) },
  format: "segment",
  codec: "zstd",
  level: 3,
  keyId: "2026-01",
  salt: "c3".repeat(16),
  firstTimestamp: 1_763_690_000_000n,
  revision: 0,
};
const next: Plan = { ...usual, start: usual.end, end: usual.end + 5n, records: 5n };
const chain = { offset: usual.start, link: "0f".repeat(32) };

test("plans come back as they were, from one line of ASCII below the broker's limit", () => {
  fc.assert(
    fc.property(plans, (value) => {
      const text = encodePlans(value);
      expect(text).toMatch(/^ba1 [\x20-\x7e]+$/);
      expect(text.length).toBeLessThan(4096);
      const back = decodePlans(text);
      expect(back).toEqual(value);
      if (!("invalid" in back)) expect(encodePlans(back)).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test("a usual plan takes less than 300 characters, four with the chain less than 1,100", () => {
  expect(encodePlans({ plans: [usual], chain: null, behind: [] }).length).toBeLessThan(300);
  const four = [usual, next, { ...next, start: next.end, end: next.end + 5n }];
  const last = { ...next, start: next.end + 5n, end: next.end + 9n, records: 4n };
  expect(encodePlans({ plans: [...four, last], chain, behind: [] }).length).toBeLessThan(1100);
});

test("a mutated text is never taken for plans", () => {
  const at = fc.nat();
  const change = fc.oneof(
    fc.record({
      how: fc.constant("set" as const),
      at,
      char: fc.string({ minLength: 1, maxLength: 1 }),
    }),
    fc.record({ how: fc.constant("cut" as const), at, char: fc.constant("") }),
    fc.record({ how: fc.constant("drop" as const), at, char: fc.constant("") }),
    fc.record({
      how: fc.constant("insert" as const),
      at,
      char: fc.string({ minLength: 1, maxLength: 3 }),
    }),
  );
  fc.assert(
    fc.property(plans, change, (value, c) => {
      const text = encodePlans(value);
      const p = c.at % text.length;
      const [head, tail] = [text.slice(0, p), text.slice(p)];
      const texts = {
        set: head + c.char + tail.slice(1),
        cut: head,
        drop: head + tail.slice(1),
        insert: head + c.char + tail,
      };
      const other = texts[c.how];
      if (other === text) return;
      const back = decodePlans(other);
      expect("invalid" in back && back.invalid.length > 3).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("a checksum glued to a word before it is refused: plans have one text", () => {
  const head = "ba1 0 - - 90a";
  const sum = blake3Hex(Buffer.from(head)).slice(0, 16);
  expect(decodePlans(head + sum)).toEqual({ invalid: expect.stringMatching(/checksum/) as string });
});

test("foreign, empty and later texts say what they are", () => {
  const reasons: [string, RegExp][] = [
    ["", /empty/],
    ["hello", /not written by this product/],
    ['{"plans":[]}', /not written by this product/],
    ["ba1", /not written by this product/],
    ["ba1 ", /checksum/],
    ["ba2 whatever comes then", /later version \(ba2\)/],
    ["ba01 1", /not written/],
    ["x".repeat(100_000), /not written/],
    [`ba1 ${"1 ".repeat(3000)}`, /too many/],
    ["\ud800", /not written/],
  ];
  for (const [text, reason] of reasons) {
    expect(decodePlans(text), text.slice(0, 30)).toEqual({
      invalid: expect.stringMatching(reason),
    });
  }
});

test("any text at all is answered, never thrown at", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.string().map((s) => `ba1 ${s}`),
      ),
      (text) => {
        expect(decodePlans(text)).toHaveProperty("invalid");
      },
    ),
    { numRuns: 500 },
  );
});

/** A text with a right checksum, but with one word of the plan replaced. */
function forged(index: number, value: string): string {
  const behind = index === 34 ? [{ sink: "site-b", offset: 1n }] : [];
  const words = encodePlans({ plans: [usual, next], chain, behind })
    .split(" ")
    .slice(0, -1);
  words[index] = value;
  const head = `${words.join(" ")} `;
  return head + blake3Hex(Buffer.from(head)).slice(0, 16);
}

test("a right checksum does not make a wrong plan right", () => {
  const forgeries: [string, number, string][] = [
    ["number of plans", 1, "5"],
    ["number of words", 1, "1"],
    ["clusterId", 2, "x".repeat(257)],
    ["topicId", 3, "short"],
    ["branch", 4, "-1"],
    ["leaderEpoch", 5, "2147483648"],
    ["start", 6, "0123"],
    ["start", 6, "-5"],
    ["end", 7, "9223372036854775808"],
    ["end", 7, "123456789012"],
    ["consecutive", 7, "123456829011"],
    ["records", 8, "40001"],
    ["content", 9, "dWloWg"],
    ["content", 9, `t${"Wl".repeat(21)}b`],
    ["format", 10, "avro"],
    ["codec", 11, "lz4"],
    ["level", 12, "3.5"],
    ["keyId", 13, "2026-01"],
    ["salt", 14, "w8PD"],
    ["firstTimestamp", 15, "1e3"],
    ["revision", 16, ""],
    ["chain", 32, "-"],
    ["chain", 33, "zz"],
    ["mark", 34, "site-b"],
    ["mark", 34, "site-b@-1"],
    ["mark", 34, "site-b@9223372036854775808"],
  ];
  expect(decodePlans(forged(2, "other"))).toHaveProperty("plans");
  for (const [what, index, value] of forgeries) {
    const reason = expect.stringContaining(what) as string;
    expect(decodePlans(forged(index, value)), `${what} = ${value}`).toEqual({ invalid: reason });
  }
});

test("what cannot be read back is not committed", () => {
  const refused = expect.objectContaining({ code: "assertion-failed" }) as Error;
  const five = [usual, usual, usual, usual, usual];
  const bad: Plans[] = [
    { plans: five, chain: null, behind: [] },
    { plans: [usual, usual], chain: null, behind: [] },
    { plans: [{ ...usual, clusterId: "two words" }], chain: null, behind: [] },
    { plans: [{ ...usual, clusterId: "" }], chain: null, behind: [] },
    { plans: [{ ...usual, salt: "abcd" }], chain: null, behind: [] },
    { plans: [{ ...usual, end: usual.start }], chain: null, behind: [] },
    { plans: [], chain: null, behind: [{ sink: "two words", offset: 1n }] },
    { plans: [], chain: null, behind: Array(15).fill({ sink: "a", offset: 1n }) },
    { plans: [], chain: { offset: 1n, link: "abcd" }, behind: [] },
  ];
  for (const value of bad) expect(() => encodePlans(value)).toThrowError(refused);
});
