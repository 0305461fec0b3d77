import { bytes, byId, count, duration, make, minute, short, time, write } from "./format.js";

const W = 600;
const H = 120;
const NS = "http://www.w3.org/2000/svg";

/** Charts of the last hour: an SVG stretched to its box, labels in HTML, a range input to read values. */
const CHARTS = [
  {
    title: "Throughput",
    series: {
      Records: {
        lines: { confirmed: "recordsPerS", produced: "producedPerS" },
        words: (v) => `${short(v)}/s`,
        axis: short,
      },
      Bytes: { lines: { stored: "bytesPerS" }, words: (v) => `${bytes(v)}/s`, axis: bytes },
    },
  },
  {
    title: "Lag",
    series: {
      Time: { lines: { "": "oldestMs" }, words: duration, axis: duration },
      Offsets: {
        lines: { "": "lag" },
        words: (v) => `${count(Math.round(v))} offsets`,
        axis: short,
      },
    },
  },
];

const drawn = [];
let last = null;

export function openCharts() {
  for (const chart of CHARTS) drawn.push(open(chart));
}

export function showCharts(history, limits) {
  last = { history, limits };
  for (const chart of drawn) draw(chart);
}

function open({ title, series }) {
  const names = Object.keys(series);
  const state = { title, series, shown: names[0], scrub: null };
  const id = `chart-${title.toLowerCase()}`;
  state.read = make("output", { class: "read", for: `${id}-scrub` });
  state.svg = document.createElementNS(NS, "svg");
  state.svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  state.svg.setAttribute("preserveAspectRatio", "none");
  state.svg.setAttribute("aria-hidden", "true");
  state.axis = make("div", { class: "axis", "aria-hidden": "true" });
  state.cross = make("i", { class: "cross", hidden: true });
  state.note = make("span", { class: "band" });
  state.bound = make("span", { class: "bound", hidden: true });
  state.input = make("input", {
    type: "range",
    id: `${id}-scrub`,
    min: 0,
    max: 0,
    value: 0,
    "aria-label": `${title}: read a time in the last hour`,
  });
  state.input.addEventListener("input", () => {
    state.scrub = Number(state.input.value);
    draw(state);
  });
  const forget = () => {
    state.scrub = null;
    draw(state);
  };
  state.input.addEventListener("blur", forget);
  const plot = make(
    "div",
    { class: "plot" },
    state.svg,
    state.note,
    state.bound,
    state.cross,
    state.input,
  );
  plot.addEventListener("pointermove", (e) => {
    const box = plot.getBoundingClientRect();
    state.scrub = Math.round(((e.clientX - box.left) / box.width) * Number(state.input.max));
    draw(state);
  });
  plot.addEventListener("pointerleave", forget);
  state.ticks = make("div", { class: "ticks", "aria-hidden": "true" });
  const buttons = names.map((name) => {
    const button = make(
      "button",
      { type: "button", "aria-pressed": String(name === state.shown) },
      name,
    );
    button.addEventListener("click", () => {
      state.shown = name;
      for (const b of buttons) b.setAttribute("aria-pressed", String(b === button));
      draw(state);
    });
    return button;
  });
  const either = make(
    "span",
    { class: "either", role: "group", "aria-label": `${title} in` },
    ...buttons,
  );
  const head = make("header", {}, make("h2", { id }, title), state.read, either);
  const body = make("div", { class: "body" }, state.axis, plot);
  byId("charts").append(
    make("section", { class: "panel chart", "aria-labelledby": id }, head, body, state.ticks),
  );
  return state;
}

function draw(state) {
  if (last === null) return;
  const { history, limits } = last;
  const { lines, words, axis } = state.series[state.shown];
  const [key, second] = Object.values(lines);
  const values = history[key];
  const beside = second === undefined ? [] : history[second];
  const n = values.length;
  const limit = key === "oldestMs" ? limits.unconfirmedMs : null;
  const all = [...values, ...beside].map((v) => v ?? 0);
  const top = nice(Math.max(0, limit === null ? 0 : limit * 1.15, ...all), key);
  const steps = 240;
  const x = (i) => W - ((n - 1 - i) / (steps - 1)) * W;
  const y = (v) => H - (v / top) * H;
  state.svg.replaceChildren(
    ...bands(history, steps),
    line(0, H / 2, W, H / 2, "grid"),
    ...(limit === null ? [] : [line(0, y(limit), W, y(limit), "limit")]),
    ...runs(values).map((run) => area(run, values, x, y)),
    ...runs(beside).map((run) => path(run, beside, x, y, "line second")),
    ...runs(values).map((run) => path(run, values, x, y, "line")),
  );
  state.bound.hidden = limit === null;
  if (limit !== null) {
    write(state.bound, `limit ${words(limit)}`);
    state.bound.style.bottom = `${(100 * limit) / top}%`;
  }
  state.axis.replaceChildren(...[top, top / 2, 0].map((v) => make("span", {}, axis(v))));
  const from = history.untilMs - steps * history.stepMs;
  const marks = [0, 1, 2, 3].map((i) => minute(from + (i * steps * history.stepMs) / 4));
  state.ticks.replaceChildren(...[...marks, "now"].map((t) => make("span", {}, t)));
  state.input.max = String(Math.max(0, n - 1));
  readOut(state, lines, words, history);
  const open = history.outages.filter((o) => o.toMs === null).map((o) => o.sink);
  write(state.note, open.length === 0 ? "" : `${open.join(", ")} away`);
}

/** Of the last step, or of the one that is pointed at: a line's look, its name and its value. */
function readOut(state, lines, words, history) {
  const names = Object.entries(lines);
  const n = history[names[0][1]].length;
  const at = state.scrub === null ? n - 1 : Math.min(state.scrub, n - 1);
  const when = history.untilMs - (n - 1 - at) * history.stepMs;
  const said = names.map(([name, key]) => {
    const value = history[key][at] ?? null;
    return [name, value === null ? "no data" : words(value)];
  });
  const parts = said.flatMap(([name, text], i) => [
    ...(name === "" ? [] : [make("i", { class: i === 0 ? "key" : "key second" }), `${name} `]),
    make("b", {}, text),
  ]);
  const moment = state.scrub === null ? [] : [make("span", { class: "when" }, time(when))];
  const shown = JSON.stringify([state.scrub === null ? "" : time(when), said]);
  if (state.said !== shown) state.read.replaceChildren(...moment, ...parts);
  state.said = shown;
  if (state.scrub === null) state.input.value = String(Math.max(0, n - 1));
  const aloud = said.map(([name, text]) => `${name} ${text}`.trim()).join(", ");
  state.input.setAttribute("aria-valuetext", `${time(when)}: ${aloud}`);
  state.cross.hidden = state.scrub === null || n === 0;
  state.cross.style.left = `${100 - ((n - 1 - at) / 239) * 100}%`;
}

/** Stretches without a gap. */
function runs(values) {
  const found = [];
  let run = [];
  values.forEach((v, i) => {
    if (v !== null) run.push(i);
    if ((v === null || i === values.length - 1) && run.length > 0) {
      found.push(run);
      run = [];
    }
  });
  return found;
}

const points = (run, values, x, y) =>
  run.map((i) => `${x(i).toFixed(1)} ${y(values[i]).toFixed(1)}`);

function path(run, values, x, y, look) {
  const at = points(run, values, x, y);
  return shape("path", {
    d: `M${(at.length === 1 ? [at[0], at[0]] : at).join("L")}`,
    class: look,
  });
}

function area(run, values, x, y) {
  const [a, b] = [x(run[0]).toFixed(1), x(run.at(-1)).toFixed(1)];
  return shape("path", {
    d: `M${a} ${H}L${points(run, values, x, y).join("L")}L${b} ${H}Z`,
    class: "area",
  });
}

/** When a sink was away. */
function bands(history, steps) {
  const from = history.untilMs - steps * history.stepMs;
  const x = (ms) => Math.max(0, Math.min(W, ((ms - from) / (steps * history.stepMs)) * W));
  return history.outages.map(({ fromMs, toMs }) => {
    const [a, b] = [x(fromMs), toMs === null ? W : x(toMs)];
    return shape("rect", { x: a, y: 0, width: Math.max(2, b - a), height: H, class: "away" });
  });
}

const line = (x1, y1, x2, y2, name) => shape("line", { x1, y1, x2, y2, class: name });

function shape(tag, attributes) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** A round number not below it. */
function nice(v, key) {
  const units = key === "oldestMs" ? [10_000, 30_000, 60_000, 300_000, 600_000, 3_600_000] : null;
  const unit =
    units?.findLast((u) => u <= v) ?? units?.[0] ?? 10 ** Math.floor(Math.log10(Math.max(v, 10)));
  for (const m of [1, 2, 4, 6, 10]) if (unit * m >= v) return unit * m;
  return Math.ceil(v / unit) * unit;
}
