import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keygen, signingKeygen } from "../../src/seal/keygen.ts";
import { loadIdentities, loadSeeds, loadSigner } from "../../src/seal/keys.ts";
import { configDir } from "../config/load.ts";

let dir = "";
beforeEach(() => {
  dir = configDir();
});
afterEach(() => rmSync(dir, { recursive: true }));

const MODULE = new URL("../../src/seal/keygen.ts", import.meta.url).href;

/** A process of its own makes a pair and gets SIGKILL at the moment the first file has its name. */
function killedBetween(command: "keygen" | "signingKeygen", first: string): void {
  const program = `
    import { syncBuiltinESMExports } from "node:module";
    import fs from "node:fs/promises";
    const { link } = fs;
    fs.link = async (from, to) => {
      await link(from, to);
      if (to.endsWith(${JSON.stringify(`/${first}`)})) process.kill(process.pid, "SIGKILL");
      await new Promise(() => setTimeout(() => undefined, 60_000));
    };
    syncBuiltinESMExports();
    const { ${command} } = await import(${JSON.stringify(MODULE)});
    await ${command}(${JSON.stringify(dir)});`;
  const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  expect([signal, stderr]).toEqual(["SIGKILL", ""]);
  expect(readdirSync(dir)).toContain(first);
}

test("a keygen that was killed between its two files is finished by the next one", async () => {
  killedBetween("keygen", "identity");
  const before = readFileSync(join(dir, "identity"), "utf8");
  const { recipient } = await keygen(dir);
  expect(readdirSync(dir).sort()).toEqual(["identity", "seed"]);
  expect(readFileSync(join(dir, "identity"), "utf8")).toBe(before);
  expect(before).toContain(recipient);
  expect(await loadIdentities(join(dir, "identity"))).toHaveLength(1);
  expect(await loadSeeds(join(dir, "seed"))).toHaveLength(1);
  await expect(keygen(dir)).rejects.toThrow(/identity: is there already/);
});

test("and so is one of a signing key: the public half is that of the key that is there", async () => {
  killedBetween("signingKeygen", "signing");
  const { keyId } = await signingKeygen(dir);
  expect(readdirSync(dir).sort()).toEqual(["signing", "signing.pub"]);
  expect(loadSigner(join(dir, "signing"), null).keyId).toBe(keyId);
  await expect(signingKeygen(dir)).rejects.toThrow(/signing: is there already/);
});

test("an identity whose seed somebody keeps elsewhere gets no other one", async () => {
  await keygen(dir);
  rmSync(join(dir, "seed"));
  await expect(keygen(dir)).rejects.toThrow(/identity: is there already/);
  expect(readdirSync(dir)).toEqual(["identity"]);
});

test("a seed that is there already leaves no identity behind", async () => {
  writeFileSync(join(dir, "seed"), "mine");
  await expect(keygen(dir)).rejects.toThrow(/seed: is there already/);
  expect(readdirSync(dir)).toEqual(["seed"]);
});
