import { openCharts, showCharts } from "./chart.js";
import { openDrawer, refreshDetail, showDetail } from "./drawer.js";
import { attribute, byId, duration, time, write } from "./format.js";
import { setLimit } from "./map.js";
import { openPartitions, takePartitions } from "./partitions.js";
import { showEvents, showMembers } from "./side.js";
import { showSinks } from "./sinks.js";
import { showVerdict } from "./verdict.js";

/** No word for so long: what is shown is old, and the page says so. */
const STALE_MS = 5_000;

let heardAt = performance.now();
let saidAtMs = null;
let paused = false;
let waiting = null;

function show(report, whole) {
  const { daemon, nowMs, limits } = report;
  setLimit(limits.unconfirmedMs);
  const seen = daemon.member === null ? "" : `, seen from ${daemon.member}`;
  const up = duration(nowMs - daemon.startedAtMs);
  write(
    byId("about"),
    `group ${daemon.group} on ${daemon.clusterId ?? "–"}${seen} · ${daemon.version}, up ${up}`,
  );
  showVerdict(report);
  showSinks(report.sinks, nowMs);
  showMembers(report);
  takePartitions(report.partitions, report.gone, whole, nowMs);
  if (report.history !== null) showCharts(report.history, limits);
  showEvents(report.events, whole);
  refreshDetail();
  saidAtMs = nowMs;
}

/** Updates say what changed: while paused they are put together, so that none is lost. */
function take(report, whole) {
  heardAt = performance.now();
  live("on", "Live");
  if (!paused) return show(report, whole);
  if (whole || waiting === null) waiting = { report, whole };
  else {
    const before = waiting.report;
    const changed = new Map(
      [...before.partitions, ...report.partitions].map((p) => [
        `${p.group}/${p.topic}/${p.partition}`,
        p,
      ]),
    );
    const merged = {
      ...report,
      partitions: [...changed.values()],
      gone: [...before.gone, ...report.gone],
      events: [...before.events, ...report.events],
      history: report.history ?? before.history,
    };
    waiting = { report: merged, whole: waiting.whole };
  }
}

function live(on, word) {
  attribute(byId("live"), "data-on", paused ? "paused" : on);
  write(byId("live-word"), paused ? "Paused" : word);
}

function connect() {
  const stream = new EventSource("api/events");
  stream.addEventListener("report", (e) => take(JSON.parse(e.data), true));
  stream.addEventListener("update", (e) => take(JSON.parse(e.data), false));
  stream.addEventListener("error", () => {
    // The browser connects again by itself, but not after an answer that is no stream.
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 3_000);
  });
}

/** Runs apart from the stream, so that silence shows too. */
function watch() {
  write(byId("clock"), time(Date.now()));
  const stale = performance.now() - heardAt > STALE_MS;
  document.body.classList.toggle("stale", stale);
  if (!stale) return;
  live("cut", "No connection");
  const from = saidAtMs === null ? "" : ` What you see is from ${time(saidAtMs)}.`;
  write(byId("sentence"), `No word from the daemon${saidAtMs === null ? " yet" : ""}.${from}`);
  write(
    byId("second"),
    "It may have ended, or the way to it is cut. This page connects again by itself.",
  );
  byId("todo").hidden = true;
  attribute(byId("verdict"), "data-level", "none");
  document.title = "– no word from the daemon";
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = localStorage.getItem("theme");
  const apply = () => {
    if (chosen === null) document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", chosen);
    const now = chosen ?? (dark.matches ? "dark" : "light");
    write(byId("theme"), now === "dark" ? "Light" : "Dark");
    attribute(byId("theme"), "aria-label", `Use the ${now === "dark" ? "light" : "dark"} theme`);
  };
  byId("theme").addEventListener("click", () => {
    const now = chosen ?? (dark.matches ? "dark" : "light");
    chosen = now === "dark" ? "light" : "dark";
    localStorage.setItem("theme", chosen);
    apply();
  });
  dark.addEventListener("change", apply);
  apply();
}

byId("pause").addEventListener("click", () => {
  paused = !paused;
  attribute(byId("pause"), "aria-pressed", String(paused));
  live("on", "Live");
  if (paused || waiting === null) return;
  show(waiting.report, waiting.whole);
  waiting = null;
});

theme();
openCharts();
openDrawer();
openPartitions(showDetail);
connect();
setInterval(watch, 1_000);
