import { attribute, byId, count, duration, make, stateWords, write } from "./format.js";
import { point } from "./partitions.js";

/** One button a partition; a change touches only the cells whose state or step of age changed. */
const cells = new Map();
const groups = new Map();
let order = [];
let current = null;
let limitMs = 120_000;

export const setLimit = (ms) => {
  limitMs = ms;
};

export function showMap(view) {
  const list = view.anew || cells.size === 0 ? view.ordered() : null;
  if (list !== null) arrange(list, view);
  byId("map").classList.toggle("dense", cells.size > 300);
  for (const cell of cells.values()) {
    cell.partition = view.at(cell.key) ?? cell.partition;
    paint(cell, cell.partition, view);
  }
  for (const group of groups.values()) headline(group, view);
}

function arrange(list, view) {
  const map = byId("map");
  const byTopic = view.sort === "topic";
  const wanted = new Map();
  for (const p of list) {
    const title = byTopic ? view.titleOf(p) : "";
    wanted.set(title, [...(wanted.get(title) ?? []), p]);
  }
  const keys = new Set(list.map(view.keyOf));
  for (const [key, cell] of cells) {
    if (keys.has(key)) continue;
    cell.button.remove();
    cells.delete(key);
  }
  for (const [title, group] of groups) {
    if (wanted.has(title)) continue;
    group.box.remove();
    groups.delete(title);
  }
  order = [];
  for (const [title, partitions] of wanted) {
    const group = groups.get(title) ?? openGroup(title);
    group.partitions = partitions;
    const buttons = partitions.map((p) => {
      const cell = cells.get(view.keyOf(p)) ?? openCell(p, view);
      cell.partition = p;
      order.push(cell);
      return cell.button;
    });
    group.cells.replaceChildren(...buttons);
    map.append(group.box);
  }
  if (current === null || !cells.has(current)) current = order[0]?.key ?? null;
}

function openGroup(title) {
  const small = make("small");
  const box = make("div", { class: "topic" }, make("p", {}, make("span", {}, title), small));
  const group = { box, small, cells: make("div", { class: "cells" }), partitions: [] };
  box.append(group.cells);
  box.classList.toggle("one", title === "");
  groups.set(title, group);
  return group;
}

function openCell(p, view) {
  const key = view.keyOf(p);
  const button = make("button", { type: "button", class: "cell", "data-key": key, tabindex: "-1" });
  const cell = { key, button, partition: p, painted: "" };
  button.append(String(p.partition));
  button.addEventListener("click", () => view.open(key));
  button.addEventListener("pointerenter", () => point(cell.partition));
  button.addEventListener("pointerleave", () => point(null));
  button.addEventListener("focus", () => {
    focusable(key);
    point(cell.partition);
  });
  button.addEventListener("keydown", (e) => move(e, cell));
  cells.set(key, cell);
  return cell;
}

function paint(cell, p, view) {
  const age = view.ageOf(p);
  const step = age === null ? 0 : Math.min(5, Math.ceil((5 * age) / limitMs));
  const off = !view.matches(p);
  const painted = `${p.state} ${step} ${off} ${p.owner}`;
  if (cell.key === current && cell.button.tabIndex !== 0) cell.button.tabIndex = 0;
  if (cell.painted === painted) return;
  cell.painted = painted;
  attribute(cell.button, "data-state", p.state);
  attribute(cell.button, "data-step", String(step));
  cell.button.classList.toggle("off", off);
  const old =
    age === null
      ? ""
      : `, oldest unconfirmed ${duration(Math.round((limitMs * step) / 5))} or less`;
  attribute(cell.button, "aria-label", `${view.nameOf(p)}: ${stateWords[p.state]}${old}`);
}

function headline(group, view) {
  const ages = group.partitions
    .map((p) => view.ageOf(view.at(view.keyOf(p)) ?? p))
    .filter((a) => a !== null);
  const oldest = ages.length === 0 ? "nothing pending" : `oldest ${duration(Math.max(...ages))}`;
  write(group.small, `${count(group.partitions.length)}, ${oldest}`);
}

/** The map is one tab stop: arrows move in it. */
function focusable(key) {
  const before = current === null ? undefined : cells.get(current);
  if (before !== undefined) before.button.tabIndex = -1;
  current = key;
  cells.get(key).button.tabIndex = 0;
}

function move(e, cell) {
  const at = order.indexOf(cell);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: order.length - 1 }[e.key];
  const next = to === undefined ? below(e.key, cell) : order[to];
  if (next === undefined) return;
  e.preventDefault();
  next.button.focus();
}

/** The nearest cell of the next row, up or down. */
function below(key, cell) {
  if (key !== "ArrowDown" && key !== "ArrowUp") return undefined;
  const from = cell.button.getBoundingClientRect();
  const away = (c) => {
    const box = c.button.getBoundingClientRect();
    const dy = key === "ArrowDown" ? box.top - from.top : from.top - box.top;
    return dy < 4 ? Number.POSITIVE_INFINITY : dy * 1000 + Math.abs(box.left - from.left);
  };
  let [best, least] = [undefined, Number.POSITIVE_INFINITY];
  for (const c of order) {
    const d = away(c);
    if (d < least) [best, least] = [c, d];
  }
  return best;
}
