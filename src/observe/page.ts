import type { StatusReport } from "./status-report.ts";

const STYLE =
  "body{font:15px system-ui,sans-serif;margin:2rem;color-scheme:light dark}table{border-collapse:collapse}" +
  "td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #8884}td:first-child,th:first-child{text-align:left}";

const ROWS = 500;

/** A plain table of what /api/status says; reloads itself. */
export function statusPage(status: StatusReport | null): string {
  const body = status === null ? "<p>Starting.</p>" : tables(status);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>bulk-archiver</title><style>${STYLE}</style></head><body><h1>bulk-archiver</h1>
${body}
<p><a href="/api/status">/api/status</a> <a href="/metrics">/metrics</a> <a href="/readyz">/readyz</a></p></body></html>
`;
}

function tables(status: StatusReport): string {
  const partitions = status.partitions
    .slice(0, ROWS)
    .map((p) => [
      `${p.topic}/${p.partition}`,
      p.state,
      p.committed,
      p.end,
      p.lag,
      p.inFlight,
      p.waiting,
    ]);
  const sinks = status.sinks.map((s) => [
    s.name,
    s.kind,
    s.primary ? "primary" : "",
    s.state,
    s.lastError,
  ]);
  return [
    `<p>Group ${escape(status.group)}, cluster ${escape(status.clusterId ?? "-")}, version ${escape(status.version)}.</p>`,
    table(["sink", "kind", "", "state", "last error"], sinks),
    table(["partition", "state", "committed", "end", "lag", "in flight", "waits for"], partitions),
    status.partitions.length > ROWS ? `<p>and ${status.partitions.length - ROWS} more</p>` : "",
  ].join("\n");
}

function table(heads: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const head = heads.map((h) => `<th>${h}</th>`).join("");
  const lines = rows.map(
    (row) => `<tr>${row.map((v) => `<td>${escape(String(v ?? "-"))}</td>`).join("")}</tr>`,
  );
  return `<table><tr>${head}</tr>${lines.join("")}</table>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
