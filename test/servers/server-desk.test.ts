import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { until } from "../kafka/live-kafka.ts";
import { answers } from "./server-process.ts";

const DESK = fileURLToPath(new URL("./server-desk.ts", import.meta.url));

test("a run's server ends with the run, also when that is killed", async () => {
  const code =
    `const { ServerDesk } = await import(${JSON.stringify(DESK)}); const desk = await ServerDesk.open(); ` +
    `const both = await Promise.all([desk.address("kafka"), desk.address("kafka")]); ` +
    `process.stderr.write(JSON.stringify(both));`;
  const run = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  run.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  await until("the server is up", 60_000, () => said.endsWith("]"));
  const [first = "", second] = JSON.parse(said) as string[];
  expect(second).toBe(first);
  const { bootstrap } = JSON.parse(first) as { bootstrap: string };
  const port = Number(bootstrap.split(":")[1]);
  expect(await answers(port)).toBe(true);
  run.kill("SIGKILL");
  await until("the server is gone", 20_000, async () => !(await answers(port)));
});
