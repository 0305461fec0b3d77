import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Everything that has to hold, in one run; ends with one line of true counts. Vitest's come from its
 * own report; a check without a report counts as one.
 */
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BIN = join(ROOT, "node_modules/.bin");
const only = process.argv.slice(2);

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Step {
  readonly name: string;
  run(): Promise<Counts>;
}

/** A program that passes when it ends with 0. */
const check = (name: string, program: string, args: readonly string[]): Step => ({
  name,
  run: async () => {
    const status = await end(program, args);
    return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  },
});

/** A program that ends with its own line `N passed, N failed`. */
const counting = (name: string, script: string, ...args: readonly string[]): Step => ({
  name,
  run: async () => {
    const lines: string[] = [];
    const status = await end(process.execPath, [join(ROOT, script), ...args], (text) =>
      lines.push(text),
    );
    const found = /(\d+) passed, (\d+) failed\s*$/.exec(lines.join("").trimEnd());
    if (found === null) return { passed: 0, failed: 1 };
    const counts = { passed: Number(found[1]), failed: Number(found[2]) };
    return status === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
  },
});

const vitest: Step = {
  name: "vitest",
  run: async () => {
    const dir = mkdtempSync(join(tmpdir(), "archiver-junit-"));
    const report = join(dir, "junit.xml");
    const args = ["run", "--reporter=default", "--reporter=junit", `--outputFile.junit=${report}`];
    const status = await end(process.execPath, [join(BIN, "vitest"), ...args, ...only]);
    const xml = existsSync(report) ? readFileSync(report, "utf8") : "";
    const counts = junit(xml);
    failed.push(...failures(xml));
    rmSync(dir, { recursive: true, force: true });
    const silent = status !== 0 && counts.failed === 0;
    return silent ? { ...counts, failed: 1 } : counts;
  },
};

/** Counts of a junit report. A skipped test proves nothing, so it counts as failed. */
function junit(xml: string): Counts {
  const head = /<testsuites [^>]*>/.exec(xml)?.[0] ?? "";
  const number = (name: string): number =>
    Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? "NaN");
  const tests = number("tests");
  const skipped = [...xml.matchAll(/<skipped\s*\/?>/g)].length;
  const failed = number("failures") + number("errors") + skipped;
  if (skipped > 0) console.error(`${skipped} tests were skipped: each counts as failed`);
  if (!Number.isFinite(tests + failed) || tests === 0) return { passed: 0, failed: 1 };
  return { passed: tests - failed, failed };
}

/** Names of the tests that failed, each with the first line of why: a long run's log is cut. */
function failures(xml: string): string[] {
  const cases = xml.matchAll(/<testcase ([^>]*)>\s*<failure message="([^"]*)"/g);
  return [...cases].map(([, attributes, why]) => {
    const of = (name: string): string =>
      new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes ?? "")?.[1] ?? "";
    return `${of("classname")}: ${of("name")}: ${why?.split("&#10;")[0]?.slice(0, 300)}`;
  });
}

async function end(
  program: string,
  args: readonly string[],
  take?: (text: string) => void,
): Promise<number> {
  const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.on("data", (b: Buffer) => {
    process.stdout.write(b);
    take?.(b.toString("utf8"));
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

const failed: string[] = [];
const SOURCES = ["src", "sinks", "test", "deploy"];
const whole: readonly Step[] = [
  check("types", join(BIN, "tsc"), ["-p", "."]),
  check("lint", "npm", ["run", "--silent", "lint"]),
  check("format", join(BIN, "oxfmt"), ["--check", ...SOURCES]),
  vitest,
  counting("state search", "test/model/search.ts"),
  counting("simulation", "test/sim/main.ts", "--runs", "5000"),
  // Other inputs every day; for longer: npm run fuzz -- --minutes 60.
  counting("fuzz", "test/fuzz/main.ts", "--seconds-each", "1"),
  // Five others every day; all of them: npm run mutants.
  counting("mutants", "test/mutants/main.ts", "--some", "5"),
];

const total = { passed: 0, failed: 0 };
for (const step of only.length > 0 ? [vitest] : whole) {
  const began = Date.now();
  console.log(`— ${step.name}`);
  const counts = await step.run();
  total.passed += counts.passed;
  total.failed += counts.failed;
  if (counts.failed > 0) failed.push(step.name);
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`— ${step.name}: ${counts.passed} passed, ${counts.failed} failed, ${seconds} s`);
}
for (const what of failed) console.log(`failed: ${what}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
