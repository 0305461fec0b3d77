import { expect, test } from "vitest";
import { start } from "./cli-process.ts";

test.each([["--help"], ["verify", "--help"], ["--version"]])(
  "nobody reads what %s %s prints: that is no failure",
  async (...argv) => {
    const { child, ended } = start(argv);
    child.stdout?.destroy();
    const { code, stderr } = await ended;
    expect(stderr).toBe("");
    expect(code).toBe(0);
  },
);
