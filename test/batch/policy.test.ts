import { describe, expect, test } from "vitest";
import { type BatchPolicy, costBytes, type Fill, whyCut, within } from "../../src/batch/policy.ts";

const MiB = 1024 ** 2;
const policy: BatchPolicy = { bytes: 16 * MiB, ageMs: 60_000, idleMs: 5_000 };
const fill = (o: Partial<Fill>): Fill => ({
  ...{ bytes: MiB, records: 10n, firstAt: 0, lastAt: 0, caughtUp: false, byTurns: false },
  ...o,
});

describe("why a batch is cut", () => {
  test("never without a record", () => {
    expect(whyCut(fill({ records: 0n, bytes: 99 * MiB }), policy, 1e9)).toBeNull();
  });

  test("by bytes, age and idle time", () => {
    const late = { lastAt: 59_000 };
    expect(whyCut(fill({ ...late, bytes: 16 * MiB }), policy, 59_001)).toBe("bytes");
    expect(whyCut(fill(late), policy, 59_999)).toBeNull();
    expect(whyCut(fill(late), policy, 60_000)).toBe("age");
    expect(whyCut(fill({ lastAt: 1_000 }), policy, 6_000)).toBe("idle");
  });

  test("by turns: when what had piled up is in, and not before for records that are of age", () => {
    const turn = { byTurns: true, firstAt: 0, lastAt: 70_000 };
    expect(whyCut(fill(turn), policy, 70_001)).toBeNull();
    expect(whyCut(fill({ ...turn, caughtUp: true }), policy, 70_001)).toBe("pressure");
    expect(whyCut(fill({ ...turn, bytes: 16 * MiB }), policy, 70_001)).toBe("bytes");
  });

  test("by turns, when nothing comes any more: a leader that is away holds no memory for ever", () => {
    const stuck = fill({ byTurns: true, lastAt: 1_000 });
    expect(whyCut(stuck, { ...policy, idleMs: null }, 60_999)).toBeNull();
    expect(whyCut(stuck, { ...policy, idleMs: null }, 61_000)).toBe("age");
  });
});

test("the cost of a batch: whole blocks of raw bytes and what they are sealed to", () => {
  expect(costBytes({ ...policy, bytes: 64 * 1024 })).toBe(MiB + 64 * 1024);
  expect(costBytes({ ...policy, bytes: 16 * MiB })).toBe(33 * MiB);
});

describe("a sink that takes files of so many bytes at most", () => {
  test("what fits it is cut as configured", () => {
    expect(within(policy, 2 ** 31 - 1, "segment").bytes).toBe(policy.bytes);
    expect(within(policy, 2 ** 31 - 1, "ndjson").bytes).toBe(policy.bytes);
  });

  test("what would be too large is cut before, with room for what sealing adds", () => {
    const { bytes, maxBytes = 0 } = within(policy, 4 * MiB, "segment");
    expect(bytes).toBe(maxBytes);
    expect(maxBytes).toBeLessThan(4 * MiB - 64 * 1024);
    expect(maxBytes).toBeGreaterThan(3.8 * MiB);
    expect(within(policy, 4 * MiB, "ndjson").maxBytes).toBeLessThan(MiB);
    expect(within(policy, 1000, "segment").bytes).toBe(1);
  });
});
