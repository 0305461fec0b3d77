import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const PROGRAMS = [
  "bench/bench.ts",
  "crash/main.ts",
  "fuzz/main.ts",
  "matrix/matrix.ts",
  "mutants/main.ts",
  "sim/main.ts",
  "soak/soak.ts",
];

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (program: string, ...args: readonly string[]): Promise<Ended> =>
  promisify(execFile)(process.execPath, [
    fileURLToPath(new URL(program, import.meta.url)),
    ...args,
  ]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ended) => error,
  );

for (const program of PROGRAMS) {
  test(`${program} says how it is used, and begins nothing that it was not asked for`, async () => {
    const help = await run(program, "--help");
    expect([help.code, help.stderr]).toEqual([0, ""]);
    expect(help.stdout).toContain("npm run ");
    const unknown = await run(program, "--nonsense");
    expect([unknown.code, unknown.stdout]).toEqual([2, ""]);
    expect(unknown.stderr).toContain("--nonsense");
    expect(unknown.stderr).toContain(help.stdout.trim());
    const word = await run(program, "everything");
    expect(word.code).toBe(2);
  });
}
