import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";

/**
 * The dashboard's form, of which Grafana says nothing when it loads it: a panel with an id that is there twice
 * takes the other's place, an unknown unit is shown as a plain number. Its expressions are in
 * prometheus.test.ts.
 */
const FILE = new URL("../../deploy/grafana/bulk-archiver.json", import.meta.url);

/** Of Grafana's own list (`@grafana/data`, value formats): those that this dashboard uses. */
const UNITS = ["s", "none", "short", "cps", "Bps", "bytes", "percentunit"] as const;

const source = z.strictObject({
  type: z.literal("prometheus"),
  uid: z.literal("${datasource}").describe("Whichever the reader chose"),
});

const target = z.looseObject({
  refId: z.string().regex(/^[A-Z]$/),
  expr: z.string().min(1),
  legendFormat: z.string().min(1),
});

const defaults = z.looseObject({ unit: z.enum(UNITS) });

const override = z.strictObject({
  matcher: z.strictObject({ id: z.literal("byFrameRefID"), options: z.string().min(1) }),
  properties: z.array(z.strictObject({ id: z.string().min(1), value: z.unknown() })).min(1),
});

const place = z.strictObject({
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  w: z.int().min(1).max(24),
  h: z.int().min(1),
});

const shared = { id: z.int().positive(), title: z.string().min(1), gridPos: place };
const row = z.looseObject({ ...shared, type: z.literal("row"), panels: z.array(z.never()) });
const graph = z.looseObject({
  ...shared,
  type: z.enum(["stat", "timeseries", "table"]),
  description: z.string().min(10),
  datasource: source,
  fieldConfig: z.strictObject({ defaults, overrides: z.array(override) }),
  targets: z.array(target).min(1),
});

const schema = z.looseObject({
  uid: z.string().min(1).max(40),
  title: z.string().min(1),
  schemaVersion: z.int().min(39),
  templating: z.strictObject({
    list: z.array(
      z.looseObject({ name: z.string().min(1), type: z.enum(["datasource", "query"]) }),
    ),
  }),
  panels: z.array(z.discriminatedUnion("type", [row, graph])).min(30),
});

const text = readFileSync(FILE, "utf8");
const dashboard = schema.parse(JSON.parse(text));
const graphs = dashboard.panels.filter((p) => p.type !== "row");

const twice = (all: readonly (string | number)[]): (string | number)[] =>
  all.filter((v, i) => all.indexOf(v) !== i);

test("ids are there once, and so is each name of a query in its panel", () => {
  expect(twice(dashboard.panels.map((p) => p.id))).toEqual([]);
  for (const p of graphs) expect(twice(p.targets.map((t) => t.refId)), p.title).toEqual([]);
});

test("seconds are shown as seconds, and what an override names is there", () => {
  for (const { title, targets, fieldConfig } of graphs) {
    const { defaults: of, overrides } = fieldConfig;
    for (const { matcher } of overrides) {
      expect(
        targets.map((t) => t.refId),
        title,
      ).toContain(matcher.options);
    }
    for (const { refId, expr } of targets) {
      const own = overrides.find((o) => o.matcher.options === refId);
      const unit = own?.properties.find((p) => p.id === "unit")?.value ?? of.unit;
      if (/_seconds(?:_bucket)?\{/.test(expr)) expect(unit, `${title} ${refId}`).toBe("s");
      if (/_bytes(?:_bucket)?\{/.test(expr)) expect(unit, `${title} ${refId}`).toBe("bytes");
      if (/_bytes_total\{/.test(expr)) expect(unit, `${title} ${refId}`).toBe("Bps");
    }
  }
});

test("no panel lies on another, and each has a row above it", () => {
  const cells = new Map<string, string>();
  for (const { title, gridPos: g } of dashboard.panels) {
    for (let x = g.x; x < g.x + g.w; x++) {
      for (let y = g.y; y < g.y + g.h; y++) {
        expect(cells.get(`${x}/${y}`), `${title} lies on another`).toBeUndefined();
        cells.set(`${x}/${y}`, title);
      }
    }
  }
  const rows = dashboard.panels.filter((p) => p.type === "row").map((p) => p.gridPos.y);
  for (const p of graphs) expect(Math.min(...rows), p.title).toBeLessThan(p.gridPos.y);
});

test("every variable that is used is one of the dashboard or of Grafana", () => {
  const known = [...dashboard.templating.list.map((v) => v.name), "__rate_interval", "__all"];
  const used = [...text.matchAll(/\$\{?(\w+)/g)].map((m) => m[1] ?? "");
  expect(used.length).toBeGreaterThan(0);
  expect(used.filter((name) => !known.includes(name))).toEqual([]);
  const queries = graphs.flatMap((p) => p.targets.map((t) => t.expr));
  for (const expr of queries) expect(expr, "only what the reader chose").toContain("$job");
});
