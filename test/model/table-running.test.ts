import { expect, test } from "vitest";
import { apply, sending } from "../../src/pipeline/apply.ts";
import { begin, type Committed } from "../../src/pipeline/state.ts";
import {
  after,
  plan,
  read,
  empty,
  look,
  whole,
  built,
  committed,
  put,
  keys,
  running,
  planned,
  archived,
} from "./table-rows.ts";

/** Rows of the table in docs/architecture-protocol.md, one test a row. */
test("running: nothing is delivered before its plan is committed", () => {
  expect(keys(after(running(), built(1, 10n)))).toEqual(["commit plan 0 [0,10)a"]);
  expect(keys(planned())).toEqual(["publish 1 to 0"]);
});

test("running: data before manifest, primary before the others", () => {
  const data = apply(planned(), { of: "published", slot: 1, sink: 0 });
  expect(keys(data)).toEqual(["describe 1 to 0", "publish 1 to 1"]);
  const other = apply(data, { of: "published", slot: 1, sink: 1 });
  expect(keys(other)).toEqual(["describe 1 to 0"]);
  expect(keys(apply(other, { of: "described", slot: 1, sink: 0 }))).toEqual(["describe 1 to 1"]);
});

test("running: the offset is committed when every sink confirmed", () => {
  const t = after(planned(), ...put(1, 0), ...put(1, 1));
  expect(keys(t)).toEqual(["commit offset 10"]);
  expect(archived()).toMatchObject({ position: 10n, archived: true });
  expect(keys(archived())).toEqual(["build 2 at 10 exact - limit -"]);
});

test("running: a later batch waits for the earlier one in each sink, its plan rides along", () => {
  const two = after(running(2), built(1, 10n), built(2, 20n));
  expect(keys(two)).toEqual(["commit plan 0 [0,10)a [10,20)a"]);
  const ready = apply(two, committed(0n, plan(0n, 10n), plan(10n, 20n)));
  expect(keys(ready)).toEqual(["publish 1 to 0"]);
  const first = after(ready, ...put(1, 0), ...put(1, 1));
  expect(keys(first)).toEqual(["publish 2 to 0", "commit offset 10 [10,20)a"]);
});

test("running: the next batch is filled as soon as the end of the last one is known", () => {
  const t = apply(running(2), { of: "cut", slot: 1, end: 10n });
  expect(keys(t)).toEqual(["build 1 at 0 exact - limit -", "build 2 at 10 exact - limit -"]);
});

test("built otherwise than planned: a new candidate, planned before it is delivered", () => {
  const t = after(begin(1, 1), read(0n, plan(0n, 10n)), empty(0), {
    of: "resolve-start",
    offset: 0n,
  });
  const other = after(t, look(0, 0n), built(1, 10n, "b"));
  expect(keys(other)).toEqual(["commit plan 0 [0,10)b"]);
});

test("the primary holds another batch: it is taken, what was behind is dropped", () => {
  const two = after(
    running(2),
    built(1, 10n),
    built(2, 20n),
    committed(0n, plan(0n, 10n), plan(10n, 20n)),
  );
  const adopting = apply(two, { of: "differs", slot: 1, sink: 0, end: 5n, mark: "z" });
  expect(adopting.slots.map((s) => [s.start, s.end, s.origin])).toEqual([
    [0n, 5n, "sink"],
    [5n, null, "cut"],
  ]);
  expect(keys(adopting)).toEqual(["take 3 from 0", "build 4 at 5 exact - limit -"]);
  const taken = apply(adopting, { of: "take", slot: 3, end: 5n, mark: "z" });
  expect(keys(taken)).toEqual(["build 4 at 5 exact - limit -", "commit plan 0 [0,5)z"]);
});

test("an alarm stops the partition, and only a revocation ends it", () => {
  const t = apply(planned(), { of: "alarm", code: "sink-conflict", text: "differs" });
  expect(t).toMatchObject({ phase: "stopped", slots: [], stop: { code: "sink-conflict" } });
  expect(keys(t)).toEqual([]);
  expect(apply(t, { of: "renew" })).toBe(t);
  expect(apply(t, { of: "revoked" }).phase).toBe("ended");
});

test("a range that Kafka lost is looked for in the sinks before it is an alarm", () => {
  const t = apply(running(), { of: "gone", slot: 1, text: "gone" });
  expect(keys(t)).toEqual(["look 0 at 0", "look 1 at 0"]);
  expect(after(t, look(0, 0n), look(1, 0n))).toMatchObject({
    phase: "stopped",
    stop: { code: "offset-out-of-range" },
  });
  const found = after(t, look(0, 0n, whole(0n, 10n)), look(1, 0n));
  expect(keys(found)).toEqual(["take 2 from 0"]);
});

test("fenced: nothing is committed any more, deliveries go on until the group decides", () => {
  const t = apply(sending(planned(), { offset: 0n, plans: [] }), { of: "fenced" });
  expect(t.renewing).toBe("fenced");
  expect(keys(after(t, ...put(1, 0)))).toEqual(["publish 1 to 1"]);
  expect(keys(after(t, ...put(1, 0), ...put(1, 1)))).toEqual([]);
});

test("renewed: commits wait for the offset; the same as before: everything goes on", () => {
  const reading = apply(planned(), { of: "renew" });
  expect(reading).toMatchObject({ renewing: "reading", round: 1 });
  expect(keys(reading)).toEqual(["read-committed 1", "publish 1 to 0"]);
  const same: Committed = { offset: 0n, plans: [plan(0n, 10n)] };
  const kept = apply(reading, { of: "read-committed", round: 1, committed: same });
  expect(kept).toMatchObject({ renewing: "no", phase: "running" });
  expect(keys(kept)).toEqual(["publish 1 to 0"]);
});

test("renewed: a commit whose answer was lost is recognised", () => {
  const value: Committed = { offset: 10n, plans: [] };
  const sent = sending(after(planned(), ...put(1, 0), ...put(1, 1)), value);
  const kept = after(
    sent,
    { of: "fenced" },
    { of: "renew" },
    { of: "read-committed", round: 1, committed: value },
  );
  expect(kept).toMatchObject({ position: 10n, renewing: "no", sent: null });
});

test("renewed: another offset than this task's: it begins again", () => {
  const other: Committed = { offset: 40n, plans: [] };
  const t = after(planned(), { of: "renew" }, { of: "read-committed", round: 1, committed: other });
  expect(t).toMatchObject({ phase: "locating", slots: [], committed: null, renewing: "no" });
  expect(keys(t)).toEqual(["read-committed 2"]);
});

test("renewed while locating: located again", () => {
  const t = apply(apply(begin(2, 1), read(0n)), { of: "renew" });
  expect(t).toMatchObject({ phase: "locating", committed: null, round: 1 });
});

test("revoked: nothing is wanted any more", () => {
  const t = apply(planned(), { of: "revoked" });
  expect(t).toMatchObject({ phase: "ended", slots: [] });
  expect(keys(t)).toEqual([]);
  expect(apply(t, { of: "published", slot: 1, sink: 0 })).toBe(t);
});

test("tail: committed when idle, from where everything archived ends", () => {
  expect(keys(apply(archived(), { of: "tail", offset: 14n }))).toContain("commit tail 14");
});

test("tail: not committed over an empty archive", () => {
  expect(keys(apply(running(), { of: "tail", offset: 4n }))).toEqual([
    "build 1 at 0 exact - limit -",
  ]);
});

test("tail: not committed over a batch that is being sealed", () => {
  const sealing = apply(archived(2), { of: "cut", slot: 2, end: 20n });
  const t = apply(sealing, { of: "tail", offset: 24n });
  expect(keys(t).filter((k) => k.startsWith("commit"))).toEqual([]);
});

test("tail: the next batch begins at the head, and its plan does not move the offset back", () => {
  const t = after(archived(), { of: "tail", offset: 14n }, committed(14n), built(2, 20n));
  expect(keys(t)).toEqual(["commit plan 14 [10,20)a"]);
});

test("lost-batch: located again when idle, ignored while something is at hand or unanswered", () => {
  expect(apply(archived(), { of: "lost-batch" }).phase).toBe("locating");
  const unanswered = sending(archived(), { offset: 14n, plans: [] });
  expect(apply(unanswered, { of: "lost-batch" })).toBe(unanswered);
  const busy = planned();
  expect(apply(busy, { of: "lost-batch" })).toBe(busy);
});

test("drain: no new batch; what is ready is finished, what follows one that is not is dropped", () => {
  const t = after(running(2), { of: "cut", slot: 1, end: 10n }, built(2, 20n), { of: "drain" });
  expect(t.slots).toEqual([]);
  expect(keys(t)).toEqual([]);
  const ready = apply(planned(2), { of: "drain" });
  expect(keys(ready)).toEqual(["publish 1 to 0"]);
  expect(keys(after(ready, ...put(1, 0), ...put(1, 1), committed(10n)))).toEqual([]);
});

test("a cut elsewhere than planned is a new candidate, and what follows is dropped", () => {
  const two = after(
    begin(2, 2),
    read(0n, plan(0n, 10n), plan(10n, 20n)),
    ...[empty(0), empty(1)],
    { of: "resolve-start", offset: 0n },
    ...[look(0, 0n), look(1, 0n)],
  );
  expect(two.slots.map((s) => s.start)).toEqual([0n, 10n]);
  const t = after(two, { of: "cut", slot: two.slots[0]?.id ?? 0, end: 13n });
  // The next one begins where it ends, and nothing is delivered before it is planned.
  expect(t.slots.map((s) => [s.start, s.end, s.planned])).toEqual([
    [0n, 13n, false],
    [13n, null, false],
  ]);
});

test("what the group has wrong is committed again as it is, but only in a running task", () => {
  const back = { of: "set-back" } as const;
  expect(keys(after(archived(), back))).toContain("commit again 10");
  expect(keys(after(archived(), back, committed(10n)))).not.toContain("commit again 10");
  expect(after(archived(), { of: "renew" }, back).outdated).toBe(false);
  expect(after(begin(2, 1), back).outdated).toBe(false);
});
