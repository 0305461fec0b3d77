import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { cli } from "../operate/cli-process.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const DAY_MS = 86_400_000;

test("what died at some waits, others every day, comes to the same when it is run again", async () => {
  const seed = String(Math.floor(Date.now() / DAY_MS));
  // Those that need no server but Kafka.
  const only = [
    "re",
    "prune",
    "export",
    "import",
    "keygen",
    "init",
    "index",
    "kind fs",
    "kind kafka",
  ];
  const named = only.flatMap((text) => ["--only", text]);
  const argv = [...named, "--seed", seed, "--some", "5", "--places", "3", "--kills", "6"];
  const { code, stdout, stderr } = await cli(argv, { main: MAIN });
  console.log(`--seed ${seed}\n${stdout}`);
  expect([code, stderr, stdout]).toEqual([0, "", expect.stringMatching(/\d+ passed, 0 failed/)]);
}, 240_000);
