import { expect, test } from "vitest";
import { sending } from "../../src/pipeline/apply.ts";
import type { Event } from "../../src/pipeline/effect.ts";
import { begin, type Task } from "../../src/pipeline/state.ts";
import {
  after,
  archived,
  built,
  committed,
  empty,
  head,
  keys,
  look,
  plan,
  planned,
  put,
  read,
} from "./table-rows.ts";

const away = (sink: number) => ({ of: "detach", sink }) as const;
const back = (sink: number, at: bigint) => ({ of: "attach", sink, head: at }) as const;

test("the primary is never detached", () => {
  const t = planned();
  expect(after(t, away(0))).toEqual(t);
});

test("a detached sink is not delivered to, and a batch is confirmed without it", () => {
  const t = after(planned(), ...put(1, 0), away(1));
  expect(t.behind).toEqual([null, 0n]);
  expect(keys(t)).toContain("commit offset 10");
  expect(keys(t).filter((k) => k.endsWith("to 1"))).toEqual([]);
});

test("a sink that has the batch under way is behind from the next one only", () => {
  const t = after(planned(2), ...put(1, 0), ...put(1, 1), built(2, 20n), away(1));
  expect(t.behind[1]).toBe(10n);
});

test("a new task takes the marks from the commit and asks the others only", () => {
  const at10 = { ...read(10n), behind: [null, 10n] };
  const t = after(begin(2, 1), at10);
  expect(keys(t)).toEqual(["head 0"]);
  const walking = after(t, head(0, 0n, 10n));
  expect([walking.phase, walking.position]).toEqual(["walking", 10n]);
  expect(after(walking, look(0, 10n)).phase).toBe("running");
});

test("a sink detached while locating may lack everything", () => {
  const t = after(begin(2, 1), read(10n), head(0, 0n, 10n), away(1));
  expect(t.behind).toEqual([null, 0n]);
  expect(t.phase).toBe("walking");
  expect(after(begin(2, 1), read(10n), empty(0), away(1)).phase).toBe("locating");
});

test("attached only where the first batch under way begins", () => {
  const t = after(archived(), away(1));
  expect(after(t, back(1, 0n)).behind).toEqual([null, 10n]);
  expect(after(t, back(1, 10n)).behind).toEqual([null, null]);
});

test("not attached while a commit is unanswered or the lease is renewed", () => {
  const t = after(archived(), away(1), built(2, 20n));
  const sent = sending(t, { offset: 10n, plans: [plan(10n, 20n)] });
  expect(after(sent, back(1, 10n)).behind).toEqual([null, 10n]);
  expect(after(t, { of: "renew" }, back(1, 10n)).behind).toEqual([null, 10n]);
  const answered = after(sent, committed(10n, plan(10n, 20n)), back(1, 10n));
  expect(answered.behind).toEqual([null, null]);
  expect(keys(answered)).toContain("commit again 10 [10,20)a");
  expect(after(answered, committed(10n, plan(10n, 20n))).outdated).toBe(false);
  // The batch under way is delivered to it like to the others, after the primary.
  expect(keys(after(answered, ...put(2, 0)))).toContain("publish 2 to 1");
});

/** Offset 20 and a chain up to there are committed, and the second sink is away. */
const marked = (round = 0): Event => ({
  ...{ of: "read-committed", round, archivedTo: 20n, behind: [null, 20n] },
  committed: { offset: 20n, plans: [] },
});
const lacking = (): Task => after(begin(2, 1), marked(), head(0, 0n, 10n));
const recalled = (...sinks: number[]) => ({ of: "recalled", sinks }) as const;

test("what the primary lacks of what was committed is asked of who is away", () => {
  const t = after(lacking(), look(0, 10n));
  expect(keys(t)).toEqual(["recall"]);
  const asked = after(t, recalled(1));
  expect(asked.behind).toEqual([null, null]);
  const again = after(asked, marked(asked.round));
  expect(keys(again)).toEqual(["head 0", "head 1"]);
  expect(after(again, away(1))).toEqual(again);
});

test("nobody is asked again, and an operator's word is taken", () => {
  const t = after(lacking(), look(0, 10n), recalled());
  expect(keys(t)).toEqual(["build 1 at 10 exact - limit 20"]);
  const asked = after(lacking(), look(0, 10n), recalled(1), { ...away(1), held: true });
  expect(asked.behind).toEqual([null, 0n]);
});

test("an empty archive is asked for of who is away before it begins", () => {
  const t = after(begin(2, 1), marked(), empty(0));
  expect(keys(t)).toEqual(["recall"]);
  expect(keys(after(t, recalled()))).toEqual(["resolve-start 20"]);
});

test("who was recalled and has everything is no longer marked, though nothing else is to be committed", () => {
  const asked = after(lacking(), look(0, 10n), recalled(1), marked(1));
  const t = after(asked, head(0, 0n, 20n), head(1, 0n, 20n), look(0, 20n));
  expect(keys(t)).toEqual(["look 1 at 20"]);
  const filled = after(t, look(1, 20n));
  expect(keys(filled)).toContain("commit again 20");
  expect(keys(after(filled, committed(20n)))).not.toContain("commit again 20");
});

test("a recalled sink may go away again when everything committed is there", () => {
  const asked = after(lacking(), look(0, 10n), recalled(1), marked(1));
  const t = after(asked, head(0, 0n, 20n), head(1, 0n, 20n), look(0, 20n), look(1, 20n));
  expect(after(t, away(1)).behind).toEqual([null, 20n]);
});
