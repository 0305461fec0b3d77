import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

/** The unit as systemd's own tools read it; they ask no running systemd. */
const FOLDER = fileURLToPath(new URL("../../deploy/systemd/", import.meta.url));
const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
const examples = readdirSync(join(FOLDER, "examples"));
let dir: string;
let unit: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "archiver-unit-"));
  unit = join(dir, "bulk-archiver.service");
  // The program and its man page are not installed where this runs.
  const text = read("bulk-archiver.service")
    .replace("/usr/local/bin/bulk-archiver", process.execPath)
    .replace(/^Documentation=.*\n/m, "");
  writeFileSync(unit, text);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function verify(): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", unit], {
    encoding: "utf8",
  });
  return { status, said: `${stdout}${stderr}` };
}

test("the unit has nothing that systemd does not know", () => {
  expect(verify()).toEqual({ status: 0, said: "" });
});

test.each(examples)("with the drop-in %s as well", (name) => {
  const folder = `${unit}.d`;
  mkdirSync(folder);
  writeFileSync(join(folder, name), read(`examples/${name}`));
  try {
    expect(verify()).toEqual({ status: 0, said: "" });
    const path = /^# (\/etc\/systemd\/system\/bulk-archiver\.service\.d\/.*)$/m.exec(
      read(`examples/${name}`),
    )?.[1];
    expect(path?.endsWith(`/${name}`)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a wrong line would be found", () => {
  const good = readFileSync(unit, "utf8");
  writeFileSync(unit, good.replace("WatchdogSec=60", "WatchdogSeconds=60"));
  expect(verify().said).toContain("WatchdogSeconds");
  writeFileSync(unit, good);
});

test("exposure is 1.4 of 10, as the page says", () => {
  const out = execFileSync("systemd-analyze", ["security", "--offline=true", unit], {
    encoding: "utf8",
  });
  const score = /Overall exposure level for bulk-archiver\.service: ([\d.]+)/.exec(out)?.[1];
  expect(score).toBe("1.4");
  const page = readFileSync(join(FOLDER, "../../docs/systemd.md"), "utf8");
  expect(page).toContain(`exposure level ${score}`);
});

test("it stops later than batches under way may take, and a wrong configuration is not tried again", () => {
  const text = read("bulk-archiver.service");
  const stopS = Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]);
  expect(stopS).toBeGreaterThanOrEqual(25 + 15);
  expect(text).toMatch(/^RestartPreventExitStatus=2$/m);
});
