import { expect, test } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import { type Life, live } from "../../src/daemon/pipeline-life.ts";
import type { ArchiverEvent } from "../../src/observe/events.ts";
import { StepClock } from "../deliver/scripted-sink.ts";

const foreign = new ArchiverError("archive-foreign", "of another cluster");

function life(alone: boolean, open: () => Promise<string>): { of: Life<string>; told: string[] } {
  const told: string[] = [];
  const of: Life<string> = {
    ...{ name: "p", group: "g", alone, open, clock: new StepClock() },
    run: (p) => {
      told.push(`ran ${p}`);
      return Promise.resolve();
    },
    close: (p) => {
      told.push(`closed ${p}`);
      return Promise.resolve();
    },
    emit: (e: ArchiverEvent) => told.push(e.what),
  };
  return { of, told };
}

test("what one of several cannot do is told and tried again", async () => {
  let tries = 0;
  const { of, told } = life(false, () =>
    ++tries < 3 ? Promise.reject(foreign) : Promise.resolve("it"),
  );
  await live(of, new AbortController().signal);
  expect(told).toEqual(["pipeline-failed", "pipeline-failed", "ran it", "closed it"]);
  expect((of.clock as StepClock).slept).toEqual([30_000, 30_000]);
});

test("the only one ends, and so does any at a fault of the program", async () => {
  const alone = life(true, () => Promise.reject(foreign));
  await expect(live(alone.of, new AbortController().signal)).rejects.toBe(foreign);
  for (const fault of [new TypeError("x"), new ArchiverError("assertion-failed", "x")]) {
    const { of, told } = life(false, () => Promise.reject(fault));
    await expect(live(of, new AbortController().signal)).rejects.toBe(fault);
    expect(told).toEqual([]);
  }
});

test("a signal ends the wait, and what it interrupts is no failure", async () => {
  const stop = new AbortController();
  const { of, told } = life(false, () => {
    stop.abort(new Error("SIGTERM"));
    return Promise.reject(new ArchiverError("interrupted", "by the signal"));
  });
  await live(of, stop.signal);
  expect(told).toEqual([]);
});
