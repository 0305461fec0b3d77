import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { isKnownHost } from "../../src/observe/access.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { EVENTS } from "./events.ts";
import { SampleView, SMALL } from "./sample-view.ts";

/** The rules and the dashboard by Prometheus' own tool, and against what a scrape really has. */
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RULES = join(ROOT, "deploy/prometheus/bulk-archiver.rules.yml");
const DASHBOARD = join(ROOT, "deploy/grafana/bulk-archiver.json");
const dir = mkdtempSync(join(tmpdir(), "archiver-promtool-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const rules = (
  parse(readFileSync(RULES, "utf8")) as { groups: { rules: Rule[] }[] }
).groups.flatMap((g) => g.rules);

interface Dashboard {
  readonly panels: readonly {
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly w: number };
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

const dashboard = JSON.parse(readFileSync(DASHBOARD, "utf8")) as Dashboard;
const expressions = dashboard.panels.flatMap((p) => (p.targets ?? []).map((t) => t.expr));

async function scrape(): Promise<string> {
  const sample = new SampleView(SMALL);
  const metrics = new Metrics("1", {
    ...{ status: () => sample.status(), limitMs: () => 1, retentionLeftMs: () => 1 },
  });
  for (const event of EVENTS) metrics.take(event);
  return (await metrics.scrape()).text;
}

const names = (expr: string): string[] =>
  [...expr.replaceAll(/"[^"]*"/g, '""').matchAll(/\b(?:bulk_archiver|process|nodejs)_\w+/g)].map(
    (m) => m[0],
  );

/** Labels of what is named, as far as they are written in the selector. */
const labelsOf = (expr: string): [name: string, label: string][] =>
  [...expr.matchAll(/\b(bulk_archiver_\w+)\{([^}]*)\}/g)].flatMap(([, name = "", inner = ""]) =>
    [...inner.matchAll(/(\w+)\s*[=!]~?"/g)].map((m): [string, string] => [name, m[1] ?? ""]),
  );

describe("promtool", () => {
  test("objects to no metric of a scrape", async () => {
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
      input: await scrape(),
      encoding: "utf8",
    });
    // Node's own metrics are prom-client's to name.
    const said = `${stdout}${stderr}`.split("\n").filter((l) => l.includes("bulk_archiver"));
    expect(said).toEqual([]);
    expect(status).not.toBe(1);
  });

  test("takes the rules, and they fire when they should and not else", () => {
    expect(execFileSync("promtool", ["check", "rules", RULES], { encoding: "utf8" })).toContain(
      `${rules.length} rules found`,
    );
    const cases = readFileSync(new URL("bulk-archiver.rules.test.yml", import.meta.url), "utf8");
    const file = join(dir, "test.yml");
    writeFileSync(file, cases.replace("RULES", RULES));
    const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], {
      encoding: "utf8",
    });
    expect(`${stdout}${stderr}`).toContain("SUCCESS");
    expect(status).toBe(0);
  });

  test("takes every expression of the dashboard", () => {
    expect(expressions.length).toBeGreaterThan(40);
    const rulesOf = expressions.map((expr, i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll("$__rate_interval", "5m"),
    }));
    const file = join(dir, "dashboard.yml");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules: rulesOf }] }));
    const said = execFileSync("promtool", ["check", "rules", file], { encoding: "utf8" });
    expect(said).toContain(`${expressions.length} rules found`);
  });
});

describe("what rules and dashboard name", () => {
  const all = [...rules.map((r) => r.expr), ...expressions];

  test("is in a scrape", async () => {
    const text = await scrape();
    const there = new Set([...text.matchAll(/^(\w+)(?:\{| )/gm)].map((m) => m[1] ?? ""));
    const missing = all.flatMap(names).filter((name) => !there.has(name));
    expect([...new Set(missing)]).toEqual([]);
  });

  test("has the labels that are asked for", async () => {
    const text = await scrape();
    const has = (name: string, label: string): boolean =>
      ["job", "instance"].includes(label) ||
      new RegExp(`^${name}\\{[^}]*\\b${label}="`, "m").test(text);
    const wrong = all.flatMap(labelsOf).filter(([name, label]) => !has(name, label));
    expect(wrong).toEqual([]);
  });

  test("leaves no metric out of the dashboard", () => {
    const shown = new Set(expressions.flatMap(names).map(base));
    const own = new Metrics("1").registry.getMetricsAsArray().map((m) => m.name);
    const hidden = own.filter((n) => n.startsWith("bulk_archiver_") && !shown.has(n));
    expect(hidden).toEqual([]);
  });
});

test("in the compose set-up Prometheus asks by a name that the archiver answers to", () => {
  const read = (name: string): unknown =>
    parse(readFileSync(join(ROOT, "deploy/compose", name), "utf8"));
  const { http } = read("archiver.yaml") as { http: { hosts: string[] } };
  const { scrape_configs: scrapes } = read("prometheus.yaml") as {
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  };
  const targets = scrapes.flatMap((s) => s.static_configs.flatMap((c) => c.targets));
  expect(targets.length).toBeGreaterThan(0);
  for (const target of targets) expect(isKnownHost(target, http.hosts)).toBe(true);
});

const base = (name: string): string => name.replace(/_(?:bucket|sum|count)$/, "");

test("panels lie side by side within 24 columns", () => {
  for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  const titles = dashboard.panels.map((p) => p.title);
  expect(new Set(titles).size).toBe(titles.length);
});

test("each alert says what is wrong and links a section of the runbook that is there", () => {
  const page = readFileSync(join(ROOT, "docs/operations.md"), "utf8");
  const anchors = [...page.matchAll(/^#+ +(.+)$/gm)].map((h) =>
    (h[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );
  expect(rules.length).toBeGreaterThan(10);
  for (const { alert, annotations } of rules) {
    const [file, anchor] = (annotations["runbook"] ?? "").split("#");
    expect([alert, file]).toEqual([alert, "docs/operations.md"]);
    expect(anchors, `${alert} links ${anchor}`).toContain(anchor);
    expect(annotations["summary"]?.length).toBeGreaterThan(20);
    expect(annotations["description"]?.length).toBeGreaterThan(20);
  }
});
