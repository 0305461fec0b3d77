import type { StatusReport } from "../observe/status-report.ts";

/** What `systemctl status` shows: one line, the worst first. */
export function statusLine({ partitions, sinks }: StatusReport): string {
  const stopped = partitions.filter((p) => p.state === "stopped").length;
  const away = sinks.filter((s) => s.state !== "ok").map((s) => `${s.name} ${s.state}`);
  const lag = partitions.reduce((n, p) => n + (p.lag ?? 0n), 0n);
  const oldest = Math.max(0, ...partitions.map((p) => p.oldestUnconfirmedMs ?? 0));
  return [
    ...(stopped === 0 ? [] : [`${stopped} partitions stopped: they need you`]),
    ...(away.length === 0 ? [] : [`sinks: ${away.join(", ")}`]),
    `${partitions.length} partitions, lag ${lag}, oldest unconfirmed ${Math.round(oldest / 1000)} s`,
  ].join("; ");
}
