import { expect, test } from "vitest";
import { archivesOf } from "../../src/operate/verify/archives.ts";
import { configDir, load } from "../config/load.ts";

const sink = (name: string): string => `  - { name: ${name}, kind: fs, path: ./${name} }`;
const pipeline = (name: string, sinks: string): string =>
  `  - { name: ${name}, group: ${name}, topics: [${name}], sinks: [${sinks}] }`;
const config = (sinks: readonly string[], pipelines: readonly string[]) =>
  load(
    [
      'kafka: { brokers: ["127.0.0.1:9092"] }',
      "sinks:",
      ...sinks.map(sink),
      "pipelines:",
      ...pipelines,
      "",
    ].join("\n"),
    configDir(),
  );

const shown = (archives: ReturnType<typeof archivesOf>) =>
  archives.map(({ sinks, pipelines }) => [sinks.join(), pipelines.map((p) => p.name).join()]);

test("pipelines that share a sink are one archive, also by way of a third", async () => {
  const found = await config(
    ["a", "b", "c", "d"],
    [pipeline("p", "a, b"), pipeline("q", "c"), pipeline("r", "d"), pipeline("s", "b, c")],
  );
  expect(shown(archivesOf(found, found.sinks))).toEqual([
    ["a,b,c", "p,q,s"],
    ["d", "r"],
  ]);
});

test("only the chosen sinks are looked at, with what is known of their archive", async () => {
  const found = await config(["a", "b", "c"], [pipeline("p", "a, b"), pipeline("q", "c")]);
  const chosen = found.sinks.filter(({ name }) => name === "b");
  expect(shown(archivesOf(found, chosen))).toEqual([["b", "p"]]);
});
