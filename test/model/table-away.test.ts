import { expect, test } from "vitest";
import { sending } from "../../src/pipeline/apply.ts";
import { begin } from "../../src/pipeline/state.ts";
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
  const marked = { ...read(10n), behind: [null, 10n] };
  const t = after(begin(2, 1), marked);
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
