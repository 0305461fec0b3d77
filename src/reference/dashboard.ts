import { PREFIX } from "../observe/metric-set.ts";
import { type Panel, ROWS } from "./dashboard-panels.ts";

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
const HEIGHT = 8;

/** deploy/grafana/bulk-archiver.json */
export function dashboard(): string {
  const panels: object[] = [];
  let [id, y] = [1, 0];
  for (const [title, row] of Object.entries(ROWS)) {
    panels.push({
      id: id++,
      type: "row",
      title,
      gridPos: { h: 1, w: 24, x: 0, y: y++ },
      panels: [],
    });
    let x = 0;
    for (const panel of row) {
      if (x + panel.width > 24) [x, y] = [0, y + HEIGHT];
      panels.push(panelOf(panel, id++, { h: HEIGHT, w: panel.width, x, y }));
      x += panel.width;
    }
    y += HEIGHT;
  }
  const value = {
    ...{ uid: "bulk-archiver", title: "bulk-archiver", tags: ["kafka", "archive"] },
    ...{ schemaVersion: 39, version: 1, editable: true, refresh: "30s", timezone: "utc" },
    time: { from: "now-6h", to: "now" },
    templating: { list: variables() },
    annotations: { list: [] },
    panels,
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

function panelOf(
  { title, what, unit, type = "timeseries", queries, red }: Panel,
  id: number,
  gridPos: object,
): object {
  const thresholds = [
    { color: "green", value: null },
    ...(red === undefined ? [] : [{ color: "red", value: red }]),
  ];
  return {
    ...{ id, type, title, description: what, datasource: DATASOURCE, gridPos },
    targets: queries.map(({ expr, legend }, i) => ({
      ...{ refId: refId(i), datasource: DATASOURCE, expr },
      ...{ legendFormat: legend === "" ? "__auto" : legend, range: type !== "table" },
      ...(type === "table" ? { instant: true, format: "table" } : {}),
    })),
    fieldConfig: {
      defaults: { unit, thresholds: { mode: "absolute", steps: thresholds } },
      overrides: queries.flatMap(overrideOf),
    },
    options:
      type === "stat" ? { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "value" } : {},
  };
}

function overrideOf({ unit, dotted }: Panel["queries"][number], i: number): object[] {
  const properties = [
    ...(unit === undefined ? [] : [{ id: "unit", value: unit }]),
    ...(unit === undefined ? [] : [{ id: "custom.axisPlacement", value: "right" }]),
    ...(dotted === undefined
      ? []
      : [{ id: "custom.lineStyle", value: { fill: "dash", dash: [4, 6] } }]),
  ];
  const matcher = { id: "byFrameRefID", options: refId(i) };
  return properties.length === 0 ? [] : [{ matcher, properties }];
}

const refId = (i: number): string => String.fromCodePoint(65 + i);

const variables = (): object[] => [
  { name: "datasource", type: "datasource", query: "prometheus", label: "Prometheus" },
  labelVariable("job", `${PREFIX}build_info`),
  labelVariable("instance", `${PREFIX}build_info{job=~"$job"}`),
];

const labelVariable = (name: string, of: string): object => ({
  ...{ name, type: "query", label: name, datasource: DATASOURCE, refresh: 2, sort: 1 },
  ...{ multi: true, includeAll: true, allValue: ".*", current: { text: "All", value: "$__all" } },
  query: { query: `label_values(${of}, ${name})`, refId: name },
});
