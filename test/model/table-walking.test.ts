import { expect, test } from "vitest";
import { apply } from "../../src/pipeline/apply.ts";
import { begin, type Task } from "../../src/pipeline/state.ts";
import {
  after,
  read,
  empty,
  head,
  look,
  plan,
  whole,
  built,
  committed,
  put,
  keys,
  running,
} from "./table-rows.ts";

/** Rows of the table in docs/architecture-protocol.md, one test a row. */
test("locating: the committed offset is read before the heads", () => {
  const t = begin(2, 1);
  expect(keys(t)).toEqual(["read-committed 0"]);
  expect(keys(apply(t, read(0n)))).toEqual(["head 0", "head 1"]);
});

test("locating: an answer of an earlier round changes nothing", () => {
  const t = begin(2, 1);
  expect(apply(t, { of: "read-committed", round: 7, committed: { offset: 3n, plans: [] } })).toBe(
    t,
  );
});

test("locating, nothing archived anywhere: asks where the first batch begins, then walks there", () => {
  const t = after(begin(2, 1), read(null), empty(0), empty(1));
  expect(keys(t)).toEqual(["resolve-start null"]);
  const walking = apply(t, { of: "resolve-start", offset: 5n });
  expect(walking).toMatchObject({ phase: "walking", position: 5n, limit: 5n });
  expect(keys(walking)).toEqual(["look 0 at 5", "look 1 at 5", "commit start 5"]);
});

test("locating: walks from the lowest of the committed offset and all heads", () => {
  const heads = (c: bigint | null): Task =>
    after(begin(2, 1), read(c), head(0, 0n, 30n), head(1, 0n, 20n));
  expect(heads(25n)).toMatchObject({ phase: "walking", position: 20n, limit: 25n, archived: true });
  expect(heads(10n)).toMatchObject({ phase: "walking", position: 10n, limit: 10n });
  expect(heads(null)).toMatchObject({ phase: "walking", position: 20n, limit: 0n });
});

test("locating: a sink that is empty is filled from the archive's first batch", () => {
  const t = after(begin(2, 1), read(30n), head(0, 7n, 30n), empty(1));
  expect(t).toMatchObject({ phase: "walking", position: 7n });
});

test("walking without a committed offset: the position is committed at once, nothing is delivered", () => {
  const t = after(begin(1, 1), read(null), head(0, 0n, 20n), look(0, 20n));
  expect(t.phase).toBe("walking");
  expect(keys(t)).toEqual(["commit start 20"]);
  expect(apply(t, committed(20n)).phase).toBe("running");
});

test("walking: whole everywhere under one link is only committed over", () => {
  const t = after(
    begin(2, 1),
    read(0n),
    head(0, 0n, 10n),
    head(1, 0n, 10n),
    look(0, 0n, whole(0n, 10n)),
    look(1, 0n, whole(0n, 10n)),
  );
  expect(keys(t)).toEqual(["commit offset 10"]);
  expect(apply(t, committed(10n))).toMatchObject({ phase: "walking", position: 10n, slots: [] });
});

test("walking: what the primary has is taken, planned, and given to the others", () => {
  const found = after(
    begin(2, 1),
    read(0n),
    head(0, 0n, 10n),
    empty(1),
    look(0, 0n, whole(0n, 10n)),
    look(1, 0n),
  );
  expect(keys(found)).toEqual(["take 1 from 0"]);
  const taken = apply(found, { of: "take", slot: 1, end: 10n, mark: "a" });
  expect(keys(taken)).toEqual(["commit plan 0 [0,10)a"]);
  expect(keys(apply(taken, committed(0n, plan(0n, 10n))))).toEqual(["publish 1 to 1"]);
});

test("walking: a batch that the committed plan names is not planned again", () => {
  const found = after(
    begin(2, 1),
    read(0n, plan(0n, 10n)),
    head(0, 0n, 10n),
    empty(1),
    look(0, 0n, whole(0n, 10n)),
    look(1, 0n),
    { of: "take", slot: 1, end: 10n, mark: "a" },
  );
  expect(keys(found)).toEqual(["publish 1 to 1"]);
});

test("walking: what only another sink has goes to the primary first", () => {
  const t = after(
    begin(2, 1),
    read(0n),
    empty(0),
    head(1, 0n, 10n),
    look(0, 0n),
    look(1, 0n, whole(0n, 10n)),
  );
  expect(keys(t)).toEqual(["take 1 from 1"]);
  const ready = after(
    t,
    { of: "take", slot: 1, end: 10n, mark: "a" },
    committed(0n, plan(0n, 10n)),
  );
  expect(keys(ready)).toEqual(["publish 1 to 0"]);
});

test("walking: nowhere, and a plan begins there: it is made again as planned", () => {
  const t = after(
    begin(2, 2),
    read(0n, plan(0n, 10n), plan(10n, 15n)),
    empty(0),
    empty(1),
    { of: "resolve-start", offset: 0n },
    look(0, 0n),
    look(1, 0n),
  );
  expect(t.phase).toBe("running");
  expect(keys(t)).toEqual(["build 1 at 0 exact 10 limit -", "build 2 at 10 exact 15 limit -"]);
});

test("walking: nowhere and nothing planned: a new cut, and the phase is running", () => {
  const t = running();
  expect(t).toMatchObject({ phase: "running", position: 0n });
  expect(keys(t)).toEqual(["build 1 at 0 exact - limit -"]);
});

test("walking below the committed offset: mended without any commit, then the plans are read afresh", () => {
  const lost = after(
    begin(2, 1),
    read(20n, plan(20n, 30n)),
    head(0, 0n, 20n),
    head(1, 0n, 10n),
    look(0, 10n, whole(10n, 20n)),
    look(1, 10n),
    { of: "take", slot: 1, end: 20n, mark: "a" },
  );
  expect(keys(lost)).toEqual(["publish 1 to 1"]);
  const mended = after(lost, ...put(1, 1));
  expect(mended).toMatchObject({ phase: "locating", committed: null, round: 1 });
});

test("walking below the committed offset: what nobody has is cut at or below it", () => {
  const t = after(
    begin(2, 1),
    read(20n),
    head(0, 0n, 10n),
    head(1, 0n, 10n),
    look(0, 10n),
    look(1, 10n),
  );
  expect(keys(t)).toEqual(["build 1 at 10 exact - limit 20"]);
  expect(keys(apply(t, built(1, 20n)))).toEqual(["publish 1 to 0"]);
});

test("walking: between the end of the archive and the committed offset lie markers, so it runs there", () => {
  const tail = { ...read(30n), archivedTo: 20n };
  const heads = [head(0, 0n, 20n), head(1, 0n, 20n), look(0, 20n), look(1, 20n)];
  expect(after(begin(2, 1), tail, ...heads)).toMatchObject({ phase: "running", limit: 30n });
  expect(after(begin(2, 1), read(30n), ...heads).phase).toBe("walking");
  const lost = { ...read(30n), archivedTo: 25n };
  expect(after(begin(2, 1), lost, ...heads).phase).toBe("walking");
});

test("walking: the plans of batches behind the one at hand stay committed", () => {
  const found = { start: 10n, end: 20n, mark: "a", step: "data", link: null } as const;
  const t = after(
    begin(2, 1),
    read(10n, plan(10n, 20n), plan(20n, 30n)),
    ...[head(0, 0n, 10n), head(1, 0n, 10n), look(0, 10n, found), look(1, 10n)],
    { of: "take", slot: 1, end: 20n, mark: "a" },
    ...[...put(1, 0), ...put(1, 1)],
  );
  expect(keys(t)).toEqual(["commit offset 20 [20,30)a"]);
  // One that ends elsewhere than was planned: what was planned behind it does not follow.
  const other = after(
    begin(2, 1),
    read(10n, plan(10n, 20n), plan(20n, 30n)),
    ...[head(0, 0n, 10n), head(1, 0n, 10n)],
    ...[look(0, 10n, { ...found, end: 15n }), look(1, 10n)],
    { of: "take", slot: 1, end: 15n, mark: "b" },
  );
  expect(keys(other)).toEqual(["commit plan 10 [10,15)b"]);
});
