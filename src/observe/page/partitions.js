import {
  attribute,
  byId,
  count,
  duration,
  glyph,
  make,
  stateWords,
  STATES,
  write,
} from "./format.js";
import { showMap } from "./map.js";
import { showTable } from "./table.js";

/** By `group/topic/partition`. */
const all = new Map();
const worst = new Map(STATES.map(([state], i) => [state, i]));
const view = { text: "", state: null, sort: "topic", table: false, open: () => undefined };
let now = 0;
let several = false;
let tableAt = 0;

export const keyOf = (p) => `${p.group}/${p.topic}/${p.partition}`;
/** With its group where the process has several pipelines: two may read one topic. */
export const titleOf = (p) => (several ? `${p.topic} (${p.group})` : p.topic);
export const nameOf = (p) => `${titleOf(p)} ${p.partition}`;
export const partitionAt = (key) => all.get(key);
export const ageOf = (p) => (p.oldestAtMs === null ? null : Math.max(0, now - p.oldestAtMs));

export function openPartitions(open) {
  view.open = open;
  byId("filter").addEventListener("input", (e) => {
    view.text = e.target.value.trim().toLowerCase();
    draw(true);
  });
  byId("sort").addEventListener("change", (e) => {
    view.sort = e.target.value;
    draw(true);
  });
  for (const [id, table] of [
    ["as-map", false],
    ["as-table", true],
  ]) {
    byId(id).addEventListener("click", () => {
      view.table = table;
      attribute(byId("as-map"), "aria-pressed", String(!table));
      attribute(byId("as-table"), "aria-pressed", String(table));
      byId("map").hidden = table;
      byId("tablewrap").hidden = !table;
      byId("legend").hidden = table;
      draw(true);
    });
  }
  legend();
}

export function takePartitions(changed, gone, whole, nowMs) {
  now = nowMs;
  if (whole) all.clear();
  for (const key of gone) all.delete(key);
  several = new Set([...all.values(), ...changed].map((p) => p.group)).size > 1;
  const grown = changed.some((p) => !all.has(keyOf(p)));
  for (const p of changed) all.set(keyOf(p), p);
  draw(whole || grown || gone.length > 0);
}

/** In the order of the view: what the drawer's arrows go through. */
export function ordered() {
  const list = [...all.values()];
  const by = {
    topic: () => 0,
    state: (a, b) => worst.get(a.state) - worst.get(b.state),
    age: (a, b) => (ageOf(b) ?? -1) - (ageOf(a) ?? -1),
    lag: (a, b) => Number(b.lag ?? -1) - Number(a.lag ?? -1),
    owner: (a, b) => (a.owner ?? "").localeCompare(b.owner ?? ""),
  }[view.sort];
  const named = (a, b) =>
    a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition;
  return list.sort((a, b) => by(a, b) || named(a, b));
}

export function matches(p) {
  if (view.state !== null && p.state !== view.state) return false;
  if (view.text === "") return true;
  return `${p.topic} ${p.partition} ${p.topic}/${p.partition} ${p.owner ?? ""} ${p.group}`
    .toLowerCase()
    .includes(view.text);
}

/** A new order only on request; the table also each five seconds while nobody is in it. */
function draw(anew) {
  const topics = new Set([...all.values()].map(titleOf));
  const filtered = view.text !== "" || view.state !== null;
  const shown = filtered ? `, ${count([...all.values()].filter(matches).length)} shown` : "";
  write(
    byId("partitions-sum"),
    `${count(all.size)} in ${topics.size} ${topics.size === 1 ? "topic" : "topics"}${shown}`,
  );
  chips();
  if (!view.table)
    return showMap({
      anew,
      at: partitionAt,
      ordered,
      matches,
      ageOf,
      keyOf,
      nameOf,
      titleOf,
      sort: view.sort,
      open: view.open,
    });
  const wrap = byId("tablewrap");
  const busy = wrap.matches(":hover") || wrap.contains(document.activeElement);
  const sortNow = anew || (!busy && now - tableAt >= 5000);
  if (sortNow) tableAt = now;
  showTable({ anew: sortNow, ordered, matches, ageOf, keyOf, nameOf, open: view.open });
}

const chipOf = new Map();

function chips() {
  const numbers = new Map();
  for (const p of all.values()) numbers.set(p.state, (numbers.get(p.state) ?? 0) + 1);
  for (const [state, words] of STATES) {
    let chip = chipOf.get(state);
    if (chip === undefined) {
      const number = make("b");
      const button = make(
        "button",
        { type: "button", class: "chip", "aria-pressed": "false" },
        glyph(state),
        make("span", {}, words),
        " ",
        number,
      );
      button.addEventListener("click", () => {
        view.state = view.state === state ? null : state;
        for (const [s, c] of chipOf) attribute(c.button, "aria-pressed", String(s === view.state));
        draw(true);
      });
      chip = { button, number };
      chipOf.set(state, chip);
      byId("chips").append(button);
    }
    const n = numbers.get(state) ?? 0;
    write(chip.number, count(n));
    chip.button.hidden = n === 0 && view.state !== state;
  }
}

function legend() {
  const items = STATES.map(([state, words]) =>
    make(
      "li",
      {},
      make("span", { class: "cell", "data-state": state, "aria-hidden": "true" }),
      words,
    ),
  );
  byId("legend").append(
    ...items,
    make("li", {}, "Bar in a cell: age of its oldest unconfirmed record against the limit."),
  );
}

/** One line about a partition, for who points at it. */
export function point(p) {
  if (p === null) return write(byId("pointed"), "");
  const age = ageOf(p) === null ? "nothing pending" : `oldest ${duration(ageOf(p))}`;
  write(
    byId("pointed"),
    `${nameOf(p)}: ${stateWords[p.state]}, lag ${count(p.lag)}, ${age}, ${p.owner ?? "no owner"}`,
  );
}
