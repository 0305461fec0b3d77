import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import * as configs from "../../src/kafka/requests/configs.ts";
import * as topics from "../../src/kafka/requests/create-topics.ts";
import * as uncommitted from "../../src/kafka/requests/fetch-uncommitted.ts";
import * as fetch from "../../src/kafka/requests/fetch.ts";
import * as group from "../../src/kafka/requests/group.ts";
import * as metadata from "../../src/kafka/requests/metadata.ts";
import * as offsets from "../../src/kafka/requests/offsets.ts";
import * as produce from "../../src/kafka/requests/produce.ts";
import * as transactions from "../../src/kafka/requests/transactions.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodePlan,
  encodeSubscription,
} from "../../src/kafka/subscription.ts";
import { type Answer, askEverything } from "./ask-kafka.ts";
import { attempt, mutated, mutations, runs } from "./mutation.ts";

/**
 * Real answers of a real broker, mutated: each decoder gives a value or an error of ours, soon, and never
 * more than the answer could hold.
 */
const modules = [
  configs,
  topics,
  uncommitted,
  fetch,
  group,
  metadata,
  offsets,
  produce,
  transactions,
];
/** What of these modules is no request. */
const OTHERS = new Set(["byTopic"]);
/** An answer that a decoder has not thrown at is worth something: its size is bounded by the bytes. */
const MAX_PARTS_PER_BYTE = 2;

let answers: readonly Answer[] = [];
const topic = "fuzz";
const p = { topic, partition: 0 };

beforeAll(async () => {
  answers = await askEverything();
});

/** How many values there are in it, whatever it is made of. */
function parts(value: unknown): number {
  if (Buffer.isBuffer(value) || typeof value !== "object" || value === null) return 1;
  const inside = value instanceof Map ? [...value.keys(), ...value.values()] : Object.values(value);
  return inside.reduce((n: number, v) => n + parts(v), 1);
}

test("there is an answer to every request that there is", () => {
  const requests = modules
    .flatMap((m) => Object.entries(m))
    .filter(([name, value]) => typeof value === "function" && !OTHERS.has(name))
    .map(([name]) => name);
  const asked = new Set(answers.map((a) => a.name));
  expect(requests.filter((name) => !asked.has(name))).toEqual([]);
});

test("mutated answers: a value or an error, soon, and in proportion", () => {
  const refused = new Map<string, number>();
  fc.assert(
    fc.property(fc.nat(), mutations, (which, list) => {
      const { name, bytes, decode } = answers[which % answers.length] as Answer;
      const changed = mutated(bytes, list);
      const began = performance.now();
      const value = attempt(() => decode(changed));
      expect(performance.now() - began).toBeLessThan(1_000);
      if (value === undefined) refused.set(name, (refused.get(name) ?? 0) + 1);
      else expect(parts(value)).toBeLessThanOrEqual(20 + MAX_PARTS_PER_BYTE * changed.length);
    }),
    runs(5_000),
  );
  // Those whose answer is a number or two take almost anything.
  expect(refused.size).toBeGreaterThan(10);
});

test("cut answers are refused, wherever they are cut", () => {
  const whole = new Set(["metadataV12", "fetchRecords", "offsetFetch"]);
  for (const { name, bytes, decode } of answers) {
    for (let to = 0; to < bytes.length; to++) {
      const value = attempt(() => decode(bytes.subarray(0, to)));
      // Tagged fields at the end, and what is not looked at, may be missing.
      if (to < bytes.length / 2 && whole.has(name))
        expect([name, to, value]).toEqual([name, to, undefined]);
    }
  }
});

test("any bytes at all", () => {
  fc.assert(
    fc.property(fc.nat(), fc.uint8Array({ maxLength: 120 }), (which, bytes) => {
      const { decode } = answers[which % answers.length] as Answer;
      const value = attempt(() => decode(Buffer.from(bytes)));
      if (value !== undefined)
        expect(parts(value)).toBeLessThanOrEqual(20 + MAX_PARTS_PER_BYTE * bytes.length);
    }),
    runs(3_000),
  );
});

test("what members tell each other: read, or refused as not ours", () => {
  const owned = [p, { topic, partition: 1 }, { topic: "other", partition: 7 }];
  const plan = new Map([["one", owned]]);
  const good = [
    encodeSubscription({ topics: [topic], owned, generation: 3, about: { version: "1" } }),
    encodeAssignment(owned, encodePlan(plan)),
  ];
  const isPartition = (x: { topic: string; partition: number }): boolean =>
    typeof x.topic === "string" && Number.isInteger(x.partition);
  fc.assert(
    fc.property(fc.constantFrom(...good), mutations, (bytes, list) => {
      const changed = mutated(bytes, list);
      const s = attempt(() => decodeSubscription(changed, "one"));
      const a = attempt(() => decodeAssignment(changed));
      if (s !== undefined) {
        expect(Number.isInteger(s.generation)).toBe(true);
        expect(s.owned.every(isPartition)).toBe(true);
        expect(Object.values(s.about).every((v) => typeof v === "string")).toBe(true);
      }
      for (const list2 of a === undefined ? [] : [a.owned, ...a.group.values()]) {
        expect(list2.every(isPartition)).toBe(true);
      }
    }),
    runs(3_000),
  );
  const user = (text: string): Buffer => {
    const bytes = encodeSubscription({ topics: [], owned: [], generation: 1, about: {} });
    const at = bytes.indexOf("{");
    const length = bytes.readInt32BE(at - 4);
    const size = Buffer.alloc(4);
    size.writeInt32BE(Buffer.byteLength(text));
    return Buffer.concat([
      bytes.subarray(0, at - 4),
      size,
      Buffer.from(text),
      bytes.subarray(at + length),
    ]);
  };
  for (const text of [
    "null",
    "[]",
    "1",
    '{"generation":"1","about":{}}',
    '{"generation":1}',
    '{"generation":1.5,"about":{}}',
    '{"generation":1,"about":{"a":1}}',
  ]) {
    expect([text, attempt(() => decodeSubscription(user(text), "one"))]).toEqual([text, undefined]);
  }
});
