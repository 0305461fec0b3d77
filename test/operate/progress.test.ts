import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { Progress } from "../../src/operate/progress.ts";

/** What a command says of how far it is; nobody's clock but the test's. */
function shown(isTTY: boolean): {
  progress: Progress;
  pass: (ms: number) => void;
  text: () => string;
} {
  let [text, now] = ["", 1_000];
  const write = (chunk: Buffer, _: string, done: () => void): void => {
    text += chunk.toString("utf8");
    done();
  };
  const stderr = Object.assign(new Writable({ write }), { isTTY });
  const about = { title: "reconcile", unit: "batches", stderr };
  const progress = new Progress({ ...about, now: () => now });
  return { progress, pass: (ms) => void (now += ms), text: () => text };
}

test("without a terminal: nothing of a short run, then a plain line every ten seconds", () => {
  const { progress, pass, text } = shown(false);
  progress.expect(100);
  pass(9_999);
  progress.done(10, 5 << 20);
  expect(text()).toBe("");
  pass(1);
  progress.done(10, 5 << 20);
  expect(text()).toBe("reconcile: 20 of 100 batches, 1MiB/s, 40 s left\n");
  pass(9_999);
  progress.done(10, 0);
  pass(1);
  progress.done(10, 30 << 20);
  progress.stop();
  expect(text().split("\n").slice(1)).toEqual([
    "reconcile: 40 of 100 batches, 2MiB/s, 30 s left",
    "",
  ]);
});

test("on a terminal: a bar with rate and time left, which is gone at the end", () => {
  const { progress, pass, text } = shown(true);
  progress.expect(4);
  pass(2_000);
  progress.done(1, 1 << 20);
  progress.stop();
  expect(text()).toContain("25%");
  expect(text()).toContain("1 of 4 batches, 512KiB/s, 6 s left");
  expect(text().endsWith("\u001b[1G\u001b[2K")).toBe(true);
});
