import { attribute, byId, count, duration, glyph, make, stateWords, write } from "./format.js";

/** As many rows as a person reads; the filter narrows further. */
const MAX_ROWS = 1000;
const rows = new Map();
let order = [];

export function showTable(view) {
  if (view.anew || order.length === 0) {
    order = view.ordered().filter(view.matches).slice(0, MAX_ROWS);
    const keys = new Set(order.map(view.keyOf));
    for (const key of rows.keys()) if (!keys.has(key)) rows.delete(key);
    byId("table").replaceChildren(
      ...order.map((p) => (rows.get(view.keyOf(p)) ?? open(p, view)).line),
    );
  }
  const now = new Map(view.ordered().map((p) => [view.keyOf(p), p]));
  for (const [key, row] of rows) {
    const p = now.get(key);
    if (p !== undefined) show(row, p, view);
  }
}

function open(p, view) {
  const key = view.keyOf(p);
  const cell = (number = false) => make("td", { class: number ? "number" : null });
  const button = make("button", { type: "button", class: "open" }, view.nameOf(p));
  button.addEventListener("click", () => view.open(key));
  const row = {
    state: cell(),
    word: make("span"),
    owner: cell(),
    committed: cell(true),
    lag: cell(true),
    oldest: cell(true),
    plan: cell(),
    shown: null,
  };
  const title = make("th", { scope: "row" }, button);
  row.line = make(
    "tr",
    { "data-key": key },
    title,
    row.state,
    row.owner,
    row.committed,
    row.lag,
    row.oldest,
    row.plan,
  );
  rows.set(key, row);
  return row;
}

function show(row, p, view) {
  attribute(row.line, "data-state", p.state);
  if (row.shown !== p.state) row.state.replaceChildren(glyph(p.state), row.word);
  row.shown = p.state;
  write(row.word, stateWords[p.state]);
  write(row.owner, p.owner ?? "–");
  write(row.committed, count(p.committed));
  write(row.lag, count(p.lag));
  write(row.oldest, duration(view.ageOf(p)));
  write(row.plan, p.plan === null ? "–" : `${count(p.plan.start)} to ${count(p.plan.end)}`);
}
