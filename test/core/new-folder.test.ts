import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createFolder } from "../../src/core/new-folder.ts";
import { configDir } from "../config/load.ts";

const dir = configDir();
afterAll(() => rmSync(dir, { recursive: true }));

test("a folder and those above it, also twice, and by several at once", async () => {
  const path = join(dir, "a", "b", "c");
  await Promise.all([createFolder(path, 0o700), createFolder(path, 0o700), createFolder(path)]);
  await createFolder(path);
  expect(statSync(path).isDirectory()).toBe(true);
  await createFolder(join(dir, "d", "e"), 0o700);
  expect(statSync(join(dir, "d", "e")).mode & 0o777).toBe(0o700);
});

test("a file in the way is an error", async () => {
  writeFileSync(join(dir, "file"), "");
  await expect(createFolder(join(dir, "file"))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(createFolder(join(dir, "file", "x"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

test("where nobody may create anything it ends", async () => {
  await expect(createFolder("/proc/x")).rejects.toThrow("/proc takes no folder");
  await expect(createFolder("/proc/x/y/z")).rejects.toThrow("/proc takes no folder");
  mkdirSync(join(dir, "there"));
  await createFolder(join(dir, "there"));
});
