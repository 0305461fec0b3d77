import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { checkArchive, type Logs } from "./check/final.ts";
import { Violation } from "./check/violation.ts";
import { plainSink, small } from "./run/base.ts";
import { run } from "./run/run.ts";
import { scenarioOf } from "./run/scenario.ts";
import { shrink } from "./run/shrink.ts";
import type { SimStore } from "./stores/store.ts";
import { KEYS } from "./world/keys.ts";
import type { World } from "./world/world.ts";
import { type Scenario, TOPIC } from "./world/settings.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

test("two runs of one seed are the same, event by event", async () => {
  for (const seed of [3, 7, 22, 35]) {
    const [a, b] = [await run(scenarioOf(seed)), await run(scenarioOf(seed))];
    expect(b.hash).toBe(a.hash);
    expect(b.events).toBe(a.events);
  }
  const other = await run(scenarioOf(4));
  expect(other.hash).not.toBe((await run(scenarioOf(3))).hash);
});

/** A run without faults, with the world that is left. */
async function archived(change: Partial<Scenario> = {}): Promise<World> {
  let world: World | null = null;
  const produce = { do: "produce", p: 0, n: 3, gzip: false } as const;
  const scenario = small(
    [100, 3_000, 6_000].map((at) => ({ at, ...produce })),
    { quietAt: 9_000, ...change },
  );
  const outcome = await run(scenario, { onWorld: (w) => (world = w) });
  expect(outcome.failure).toBeNull();
  if (world === null) throw new Error("there was no world");
  return world;
}

const verdictOn = (world: World): string => {
  const topic = world.cluster.topic(TOPIC);
  const logs: Logs = new Map([[topic.id, topic.partitions.map((p) => p.log)]]);
  try {
    checkArchive(world.stores, logs, KEYS);
    return "whole";
  } catch (error) {
    if (error instanceof Violation) return error.rule;
    throw error;
  }
};

test("the checkers notice what is lacking, doubled, changed or out of order", async () => {
  const world = await archived();
  expect(verdictOn(world)).toBe("whole");
  const [primary, other] = world.stores;
  if (primary === undefined || other === undefined) throw new Error("there are two sinks");
  const [first = "", second = ""] = primary.paths("data");
  const [manifest = ""] = primary.paths("manifests");
  const damages: readonly (readonly [string, () => void])[] = [
    ["no-loss", () => other.objects.delete(first)],
    ["same-bytes", () => flip(other.objects.get(first)?.bytes)],
    ["same-bytes", () => world.stores.forEach((s) => flip(s.objects.get(second)?.bytes))],
    ["order", () => world.stores.forEach((s) => s.objects.delete(manifest))],
    [
      "no-loss",
      () => world.cluster.log(TOPIC, 0).produce([{ key: "k", value: "v" }], "none", null),
    ],
  ];
  for (const [rule, damage] of damages) {
    const kept = world.stores.map((x) => copyOf(x.objects));
    damage();
    expect(verdictOn(world)).not.toBe("whole");
    if (rule !== "order") expect(verdictOn(world)).toBe(rule);
    world.stores.forEach((x, i) => {
      x.objects.clear();
      for (const [path, stored] of kept[i] ?? []) x.objects.set(path, stored);
    });
  }
});

test("the checkers notice what a sink of records lacks, has twice or has otherwise", async () => {
  for (const form of ["documents", "ledger"] as const) {
    const sinks = [plainSink("files"), { ...plainSink("search"), form }];
    const world = await archived({ sinks });
    expect(verdictOn(world)).toBe("whole");
    const [, other] = world.stores;
    if (other === undefined) throw new Error("there are two sinks");
    const [path = ""] = other.paths(form === "documents" ? "documents" : "data");
    const kept = other.objects.get(path);
    if (kept === undefined) throw new Error(`${path} is not there`);
    const text = Buffer.from(kept.bytes).toString("utf8");
    const as = (changed: string): void =>
      void other.objects.set(path, { ...kept, bytes: Buffer.from(changed) });
    as(text.replace(/"value":"./, '"value":"Q'));
    expect(verdictOn(world)).toBe("same-bytes");
    if (form === "documents") other.objects.delete(path);
    else as(text.replace(/\{"offset":.*?\]\},/, ""));
    expect(verdictOn(world)).toBe("accounting");
    as(text);
    expect(verdictOn(world)).toBe("whole");
    if (form === "ledger") continue;
    other.objects.set(`${path.slice(0, -2)}99`, kept);
    expect(verdictOn(world)).toBe("no-duplicate");
  }
});

const copyOf = (objects: SimStore["objects"]): SimStore["objects"] =>
  new Map([...objects].map(([path, o]) => [path, { ...o, bytes: Uint8Array.from(o.bytes) }]));

function flip(bytes: Uint8Array | undefined): void {
  if (bytes !== undefined) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
}

test("a failing run is shrunk to what it fails by", async () => {
  // Nobody may take what was never archived: without the happening's word for it that is an alarm.
  const produce = { do: "produce", p: 0, n: 2, gzip: false } as const;
  const scenario = small(
    [
      { at: 100, ...produce },
      { at: 4_000, do: "elect", p: 0 },
      { at: 5_000, do: "freeze", daemon: 0, ms: 500 },
      { at: 6_000, do: "destroy", sink: 0 },
      { at: 8_000, ...produce },
    ],
    { quietAt: 20_000 },
  );
  const outcome = await run(scenario);
  expect(outcome.failure).not.toBeNull();
  const report = await shrink(scenario, outcome.failure?.rule ?? "");
  expect(report).toMatch(/shrunk from 5 happenings to [12] in \d+ runs/);
  expect(report).toContain('"do":"destroy"');
});

test("a run that does not end is a failure by its number, and the others are run", async () => {
  const args = [MAIN, "--seed", "1", "--runs", "6", "--longest", "20"];
  const env = { ...process.env, SIM_SPINS: "3" };
  const ran = promisify(execFile)(process.execPath, args, { env });
  const { code, stdout } = await ran.then(
    (done) => ({ ...done, code: 0 }),
    (error: { code: number; stdout: string }) => error,
  );
  expect(code, stdout).toBe(1);
  expect(stdout).toContain("seed 3: does not end");
  expect(stdout).toContain("5 passed, 1 failed");
}, 120_000);

test("a crash was tried at every wait of the protocol path", async () => {
  const args = [MAIN, "--coverage", "--seed", "1", "--runs", "200"];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    maxBuffer: 16 << 20,
  }).catch((error: { stdout: string; stderr: string }) => ({
    stdout: error.stdout + error.stderr,
  }));
  const never = stdout.split("\n").filter((line) => line.startsWith("never:"));
  expect(never, stdout.slice(-2_000)).toEqual([]);
  expect(stdout).toMatch(/ 0 never$/m);
}, 240_000);
