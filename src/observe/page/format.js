// Numbers, times and elements: what every part of the page writes with. Text is set as text only, so
// that nothing a topic or an error is called can become markup.
const NBSP = "\u00a0";

/** 1234567 as `1,234,567`; a gap in knowledge is a dash. Takes digits beyond 2^53. */
export const count = (n) =>
  n === null || n === undefined ? "–" : BigInt(n).toLocaleString("en-US");

/** `43 k`, `25.2 M`. */
export function short(n) {
  if (n === null || n === undefined) return "–";
  const value = Number(n);
  for (const [size, unit] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ]) {
    if (value < size) continue;
    const scaled = value / size;
    return `${scaled >= 100 ? Math.round(scaled) : Number(scaled.toPrecision(3))}${NBSP}${unit}`;
  }
  return String(Math.round(value));
}

/** `18 MiB`. */
export function bytes(n) {
  for (const [size, unit] of [
    [2 ** 40, "TiB"],
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ]) {
    if (n >= size) return `${Number((n / size).toPrecision(3))}${NBSP}${unit}`;
  }
  return `${Math.round(n)}${NBSP}B`;
}

/** `41 s`, `7 min`, `2 h 5 min`, `6 d 23 h`. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s}${NBSP}s`;
  if (s < 3600) return `${Math.round(s / 60)}${NBSP}min`;
  const [big, small, a, b] = s < 86_400 ? [3600, 60, "h", "min"] : [86_400, 3600, "d", "h"];
  const rest = Math.floor((s % big) / small);
  return `${Math.floor(s / big)}${NBSP}${a}${rest === 0 ? "" : `${NBSP}${rest}${NBSP}${b}`}`;
}

/** `12:04:31`, UTC. */
export const time = (ms) => (ms === null ? "–" : new Date(ms).toISOString().slice(11, 19));
export const minute = (ms) => new Date(ms).toISOString().slice(11, 16);

export const byId = (id) => document.getElementById(id);

/** An element: attributes by name, `on…` as listeners, children as elements or text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((c) => c !== null));
  return element;
}

/** Sets text only where it differs: what does not change is not touched. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function attribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Where nothing was drawn by hand: one shape a state, the same in cells, legend, chips and tables. */
export const glyph = (state) =>
  make("i", { class: "glyph", "data-state": state, "aria-hidden": "true" });

export const STATES = [
  ["stopped", "Stopped, needs you"],
  ["waiting", "Waiting for a sink"],
  ["unowned", "No owner"],
  ["paused", "Paused by an operator"],
  ["behind", "Catching up"],
  ["moving", "Changing owner"],
  ["fresh", "No batch yet"],
  ["safe", "Safe"],
  ["idle", "Idle, all archived"],
];
export const stateWords = Object.fromEntries(STATES);

/** A command to copy. */
export function command(text) {
  const said = make("span", { class: "unseen", role: "status" });
  const copy = make("button", { type: "button", "aria-label": `Copy ${text}` }, "Copy");
  copy.addEventListener("click", () => {
    // Off loopback without TLS browsers offer no clipboard: the text is selected instead.
    const done = navigator.clipboard?.writeText(text);
    if (done === undefined) getSelection()?.selectAllChildren(copy.previousSibling);
    else
      done.then(
        () => write(said, "Copied"),
        () => write(said, "Not copied"),
      );
  });
  return make("span", { class: "command" }, make("code", {}, text), copy, said);
}
