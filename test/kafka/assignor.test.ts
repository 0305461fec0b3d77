import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assign, type Candidate } from "../../src/kafka/assignor.ts";
import type { TopicPartition } from "../../src/kafka/requests/offsets.ts";

type Made = ReadonlyMap<string, readonly TopicPartition[]>;
const keyOf = (p: TopicPartition): string => `${p.topic}/${p.partition}`;

const TOPICS = ["a", "b", "c"];
const partitionsOf = (counts: readonly number[]): TopicPartition[] =>
  TOPICS.flatMap((topic, i) =>
    Array.from({ length: counts[i] ?? 0 }, (_, partition) => ({ topic, partition })),
  );

const member = (id: string, owned: readonly TopicPartition[] = [], topics = TOPICS): Candidate => ({
  memberId: id,
  instanceId: null,
  topics,
  owned,
  generation: owned.length > 0 ? 1 : -1,
});

const counts = fc.array(fc.nat(12), { minLength: 3, maxLength: 3 });
const ids = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 1, maxLength: 8 });

/** After a first assignment: what everyone would say it owns. */
const settled = (names: readonly string[], partitions: readonly TopicPartition[]): Candidate[] => {
  const made = assign(
    names.map((n) => member(n)),
    partitions,
  );
  return names.map((n) => member(n, made.get(n) ?? []));
};

const loads = (made: Made): number[] => [...made.values()].map((list) => list.length);
const spread = (made: Made): number => Math.max(...loads(made)) - Math.min(...loads(made));
const ownedBy = (made: Made, id: string): Set<string> => new Set((made.get(id) ?? []).map(keyOf));

describe("with the same topics for all", () => {
  test("every partition has one owner, and loads differ by one at most", () => {
    fc.assert(
      fc.property(ids, counts, (names, n) => {
        const partitions = partitionsOf(n);
        const made = assign(
          names.map((x) => member(x)),
          partitions,
        );
        expect([...made.values()].flat().map(keyOf).sort()).toEqual(partitions.map(keyOf).sort());
        expect(spread(made)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("whatever the members claim to own", () => {
    const claim = fc.array(
      fc.record({ topic: fc.constantFrom(...TOPICS, "gone"), partition: fc.nat(15) }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(
        ids,
        counts,
        fc.array(fc.tuple(claim, fc.integer({ min: -1, max: 9 }))),
        (names, n, c) => {
          const partitions = partitionsOf(n);
          const candidates = names.map((name, i) => ({
            ...member(name, c[i]?.[0] ?? []),
            generation: c[i]?.[1] ?? -1,
          }));
          const made = assign(candidates, partitions);
          expect([...made.values()].flat().map(keyOf).sort()).toEqual(partitions.map(keyOf).sort());
          expect(spread(made)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test("the order of members and partitions does not matter", () => {
    fc.assert(
      fc.property(ids, counts, (names, n) => {
        const partitions = partitionsOf(n);
        const one = assign(settled(names, partitions), partitions);
        const other = assign(settled(names, partitions).reverse(), [...partitions].reverse());
        for (const id of names) expect(ownedBy(one, id)).toEqual(ownedBy(other, id));
      }),
    );
  });

  test("nothing moves when nothing changed", () => {
    fc.assert(
      fc.property(ids, counts, (names, n) => {
        const partitions = partitionsOf(n);
        const before = settled(names, partitions);
        const made = assign(before, partitions);
        for (const m of before)
          expect(ownedBy(made, m.memberId)).toEqual(new Set(m.owned.map(keyOf)));
      }),
    );
  });

  test("a member that comes takes its share, and nothing moves between the others", () => {
    fc.assert(
      fc.property(ids, counts, (names, n) => {
        const partitions = partitionsOf(n);
        const before = settled(names, partitions);
        const made = assign([...before, member("_new")], partitions);
        for (const m of before) {
          const had = new Set(m.owned.map(keyOf));
          for (const p of ownedBy(made, m.memberId)) expect(had).toContain(p);
        }
        expect(spread(made)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("a member that goes leaves the others what they had", () => {
    fc.assert(
      fc.property(ids, counts, (names, n) => {
        const partitions = partitionsOf(n);
        const left = settled(names, partitions).slice(1);
        const made = assign(left, partitions);
        for (const m of left) {
          for (const p of m.owned) expect(ownedBy(made, m.memberId)).toContain(keyOf(p));
        }
      }),
    );
  });
});

test("of two claims the newer generation counts", () => {
  const p = { topic: "a", partition: 0 };
  const old = { ...member("x", [p]), generation: 4 };
  const now = { ...member("y", [p]), generation: 5 };
  expect(ownedBy(assign([old, now], [p]), "y")).toEqual(new Set(["a/0"]));
  expect(ownedBy(assign([{ ...old, generation: 6 }, now], [p]), "x")).toEqual(new Set(["a/0"]));
});

test("nobody gets a topic that it does not subscribe to, and what somebody subscribes to is owned", () => {
  const subsets = fc.array(fc.subarray(TOPICS), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(subsets, counts, (topics, n) => {
      const members = topics.map((t, i) => member(`m${i}`, [], t));
      const partitions = partitionsOf(n);
      const made = assign(members, partitions);
      for (const m of members) {
        for (const p of made.get(m.memberId) ?? []) expect(m.topics).toContain(p.topic);
      }
      const wanted = partitions.filter((p) => topics.some((t) => t.includes(p.topic)));
      expect([...made.values()].flat().map(keyOf).sort()).toEqual(wanted.map(keyOf).sort());
    }),
  );
});

test("ten thousand partitions for a hundred members, and one more, take less than two seconds", () => {
  const partitions = Array.from({ length: 10_000 }, (_, partition) => ({ topic: "a", partition }));
  const names = Array.from({ length: 100 }, (_, i) => `m${i}`);
  const began = performance.now();
  const before = settled(names, partitions);
  const made = assign([...before, member("new")], partitions);
  expect(performance.now() - began).toBeLessThan(2_000);
  const moved = before.flatMap((m) =>
    m.owned.filter((p) => !ownedBy(made, m.memberId).has(keyOf(p))),
  );
  expect(moved.length).toBe(made.get("new")?.length);
});
