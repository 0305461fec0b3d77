import { attribute, byId, count, duration, glyph, make, time, write } from "./format.js";

const WORDS = {
  ok: "Healthy",
  attention: "Away",
  human: "Refuses",
  none: "Not known",
  work: "Being filled",
};
/** As people write them; a kind of a package's own is called what the package calls it. */
const KINDS = {
  fs: "Folder",
  s3: "S3",
  hdfs: "HDFS",
  elasticsearch: "Elasticsearch",
  cassandra: "Cassandra",
  kafka: "Kafka",
};
const NS = "http://www.w3.org/2000/svg";
const rows = new Map();

export function showSinks(sinks, nowMs) {
  const well = sinks.filter((s) => s.level === "ok").length;
  write(
    byId("sinks-sum"),
    sinks.length === well ? `all ${well} healthy` : `${well} of ${sinks.length} healthy`,
  );
  const names = new Set(sinks.map((s) => s.name));
  for (const [name, row] of rows) {
    if (names.has(name)) continue;
    row.line.remove();
    rows.delete(name);
  }
  for (const sink of sinks) {
    const row = rows.get(sink.name) ?? open(sink.name);
    show(row, sink, nowMs);
  }
}

function open(name) {
  const row = {
    kind: make("small"),
    primary: make("span", { class: "tag", hidden: true }, "primary"),
    state: make("td", { class: "state" }),
    stateWord: make("span"),
    strip: document.createElementNS(NS, "svg"),
    behind: make("td", { class: "number" }),
    p95: make("td", { class: "number" }),
    error: make("span"),
    todo: make("span", { class: "do" }),
    level: null,
    minutes: null,
  };
  row.strip.setAttribute("viewBox", "0 0 120 16");
  row.strip.setAttribute("class", "strip");
  row.strip.setAttribute("role", "img");
  const title = make(
    "th",
    { scope: "row" },
    make("span", { class: "name" }, name, " ", row.primary),
    row.kind,
  );
  const cells = [title, row.state, make("td", {}, row.strip), row.behind, row.p95];
  row.line = make(
    "tr",
    { "data-sink": name },
    ...cells,
    make("td", { class: "error" }, row.error, row.todo),
  );
  byId("sinks").append(row.line);
  rows.set(name, row);
  return row;
}

function show(row, s, nowMs) {
  attribute(row.line, "data-level", s.level);
  row.primary.hidden = !s.primary;
  const kind = KINDS[s.kind] ?? s.kind;
  write(row.kind, s.where === null ? kind : `${kind}, ${s.where}`);
  attribute(row.kind, "title", s.where ?? "");
  if (row.level !== s.level) row.state.replaceChildren(glyph(s.level), row.stateWord);
  row.level = s.level;
  const well = s.level === "ok" || s.conflicts > 0;
  const since = well || s.sinceMs === null ? "" : ` ${duration(nowMs - s.sinceMs)}`;
  write(row.stateWord, s.conflicts > 0 ? "In conflict" : `${WORDS[s.level]}${since}`);
  write(row.behind, count(s.behind));
  write(row.p95, s.writeP95Ms === null ? "–" : `${s.writeP95Ms}\u00a0ms`);
  write(row.error, troubleWords(s));
  const next = s.nextMs === null ? "" : ` Next try ${time(s.nextMs)}.`;
  write(row.todo, s.todo === null ? "" : `To do: ${s.todo}${next}`);
  if (row.minutes !== s.minutes) strip(row.strip, s.minutes);
  row.minutes = s.minutes;
}

/** Why it is not well; a sink that answers may hold other bytes than the archive. */
function troubleWords(s) {
  const wait = s.conflicts === 1 ? "1 partition waits" : `${count(s.conflicts)} partitions wait`;
  const conflict = s.conflicts === 0 ? [] : [`${wait} for an operator.`];
  const at = s.error === null || s.error.atMs === null ? "" : `${time(s.error.atMs)} `;
  const last = s.error === null ? [] : [`${at}${s.error.text}`];
  const words = [...conflict, ...last];
  return words.length === 0 ? "No error yet." : words.join(" ");
}

/** A bar a minute: flat when well, higher and amber when tried again or away. */
function strip(svg, minutes) {
  const bars = [...minutes].map((m, i) => {
    const bar = document.createElementNS(NS, "rect");
    const height = { 0: 5, 1: 10, 2: 15, "-": 2 }[m] ?? 2;
    for (const [k, v] of Object.entries({
      x: i * 2,
      y: 16 - height,
      width: 1.5,
      height,
      class: `m${m === "-" ? "x" : m}`,
    })) {
      bar.setAttribute(k, String(v));
    }
    return bar;
  });
  const away = [...minutes].filter((m) => m === "2").length;
  const again = [...minutes].filter((m) => m === "1").length;
  svg.setAttribute("aria-label", `last hour: away in ${away} minutes, tried again in ${again}`);
  svg.replaceChildren(...bars);
}
