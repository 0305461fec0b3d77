import { expect, test } from "vitest";
import { isProtocol } from "../sim/cover/protocol-path.ts";
import { everyWait } from "./product.ts";
import { SCENARIOS } from "./scenarios.ts";
import { WHEREABOUTS, whereaboutsOf } from "./whereabouts.ts";

const files = [...new Set([...everyWait().keys()].map((place) => place.replace(/:\d+$/, "")))];
const others = files.filter((file) => !isProtocol(file));

test("of every file that waits it is said where a crash is tried, or why nowhere", () => {
  expect(others.length).toBeGreaterThan(150);
  expect(others.filter((file) => whereaboutsOf(file) === undefined)).toEqual([]);
  const used = new Set(others.map((file) => whereaboutsOf(file)));
  expect(WHEREABOUTS.filter((w) => !used.has(w)).map(({ at }) => at)).toEqual([]);
});

test("what is said to be walked is walked by a scenario, and what is not has a reason", () => {
  const names = new Set(SCENARIOS.map(({ name }) => name));
  const wrong = WHEREABOUTS.filter(({ by, why }) => (by === null ? !why : !names.has(by)));
  expect(wrong.map(({ at }) => at)).toEqual([]);
});
