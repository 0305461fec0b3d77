import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeAnswers,
  decodeRequests,
  encodeAnswers,
  encodeRequests,
  type OperatorRequest,
} from "../../src/core/operator-requests.ts";

const id = fc.stringMatching(/^[0-9a-f]{16}$/);
const by = fc.string({ minLength: 1, maxLength: 60 });
const request = fc.oneof(
  fc.record({
    ...{ id, by, do: fc.constant("pause" as const), beat: fc.nat() },
    ttlMs: fc.option(fc.integer({ min: 1_000, max: 3_600_000 }), { nil: null }),
  }),
  fc.record({
    ...{ id, by, do: fc.constant("skip" as const), to: fc.bigInt(0n, (1n << 63n) - 1n) },
    reason: fc.string({ minLength: 1, maxLength: 100, unit: "grapheme-ascii" }),
  }),
  fc.record({ id, by, do: fc.constant("detach" as const), sink: fc.constant("ceph") }),
);

describe("requests as the metadata of a commit", () => {
  test("come back as they were, in ASCII", () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 3 }), (list: readonly OperatorRequest[]) => {
        const text = encodeRequests(list);
        expect(text).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeRequests(text)).toEqual(list);
      }),
    );
  });

  test("ask for nothing when they were cut short, edited, or are another's", () => {
    const text = encodeRequests([
      { id: "0123456789abcdef", by: "replay", do: "pause", ttlMs: 60_000, beat: 3 },
    ]);
    expect(decodeRequests("")).toEqual([]);
    for (const wrong of [
      text.slice(0, -1),
      text.replace("60000", "90000"),
      text.replace("bo1", "bo2"),
      "ba1 0 - -",
      "x".repeat(5_000),
    ]) {
      expect(decodeRequests(wrong)).toHaveProperty("invalid");
    }
  });

  test("that do not fit a commit are refused before they are sent", () => {
    const long = { by: "x".repeat(120), do: "skip" as const, to: 1n, reason: "y".repeat(200) };
    const list = Array.from({ length: 12 }, (_, i) => ({
      ...long,
      id: i.toString(16).padStart(16, "0"),
    }));
    expect(() => encodeRequests(list)).toThrow(/characters fit in no commit/);
  });
});

test("answers come back as they were, and any text at all is answered", () => {
  const answers = {
    ...{ member: "archiver-1", generation: 7 },
    answers: [{ id: "0123456789abcdef", is: "refused" as const, text: "no such sink: nächster" }],
  };
  expect(decodeAnswers(encodeAnswers(answers))).toEqual(answers);
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(decodeAnswers(text)).toHaveProperty("invalid");
      expect(decodeAnswers(`bo1 ${text}`)).toHaveProperty("invalid");
    }),
  );
});
