import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** What is installed is what was looked at: the lock file says each package's bytes. */
const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), "utf8"));

interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const { packages } = read("package-lock.json") as { packages: Record<string, Locked> };
const installed = Object.entries(packages).filter(([path]) => path !== "");
const { dependencies } = read("package.json") as { dependencies: Record<string, string> };

/** Programs that run when it is installed, each with what it does. */
const MAY_RUN: Readonly<Record<string, string>> = {
  "zstd-napi": "fetches its binary, or builds it where there is none",
};

test("every package has a digest, and comes from a registry", () => {
  expect(installed.length).toBeGreaterThan(100);
  const bare = installed.filter(([, p]) => p.integrity?.startsWith("sha512-") !== true);
  expect(bare.map(([path]) => path)).toEqual([]);
  // Which registry is npm's own configuration: the lock file names none, only the digest of what must come.
  const other = installed.filter(([, p]) => p.resolved !== undefined);
  expect(other.map(([path]) => path)).toEqual([]);
});

test("versions are exact", () => {
  const loose = Object.entries(dependencies).filter(([, v]) => !/^\d+\.\d+\.\d+$/.test(v));
  expect(loose).toEqual([]);
});

test("of what a user installs, nothing runs at the installation but what is known", () => {
  const runs = installed.filter(([, p]) => p.hasInstallScript === true && p.dev !== true);
  expect(runs.map(([path]) => path.replace(/^.*node_modules\//, "")).sort()).toEqual(
    Object.keys(MAY_RUN).sort(),
  );
});
