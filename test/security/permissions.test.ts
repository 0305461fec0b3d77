import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { configDir } from "../config/load.ts";
import { drop, newSink, SampleChain } from "../operate/sample-archive.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const UNIT = fileURLToPath(new URL("../../deploy/systemd/bulk-archiver.service", import.meta.url));
const dir = configDir();
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

/** A command under an umask that takes nothing away. */
function open(...argv: readonly string[]): void {
  const script = 'umask 000; exec "$0" "$@"';
  const { status, stderr } = spawnSync("sh", ["-c", script, process.execPath, MAIN, ...argv], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
}

test("keys are for their owner alone, whatever the umask says", () => {
  const keys = join(dir, "new", "keys");
  open("keygen", "--out", keys);
  open("keygen", "--signing", "--out", keys);
  expect(modeOf(keys)).toBe(0o700);
  const modes = Object.fromEntries(readdirSync(keys).map((f) => [f, modeOf(join(keys, f))]));
  for (const name of ["identity", "seed", "signing"])
    expect([name, modes[name]]).toEqual([name, 0o600]);
});

test("a configuration that `init` writes is for its owner alone: credentials will stand in it", () => {
  const file = join(dir, "made.yaml");
  open("init", "--yes", "--topic", "logs", "--out", file);
  expect(modeOf(file)).toBe(0o600);
});

test("under the umask of the unit an archive is for its owner alone, folders and files", async () => {
  const umask = /^UMask=(\d+)$/m.exec(String(spawnSync("cat", [UNIT]).stdout))?.[1];
  expect(umask).toBe("0077");
  const before = process.umask(0o077);
  const sink = await newSink("files");
  try {
    await new SampleChain([sink]).add({ format: "segment", encrypted: false }, 0n);
    const names = readdirSync(sink.dir, { recursive: true, encoding: "utf8" });
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const path = join(sink.dir, name);
      const wanted = statSync(path).isDirectory() ? 0o700 : 0o600;
      expect([name, modeOf(path).toString(8)]).toEqual([name, wanted.toString(8)]);
    }
  } finally {
    process.umask(before);
    await drop(sink);
  }
});
