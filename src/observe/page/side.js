import { byId, count, duration, glyph, make, short, time, write } from "./format.js";

const MAX_EVENTS = 200;
const members = new Map();

export function showMembers(report) {
  const { members: all, groupError, nowMs } = report;
  const seen =
    all.length === 0
      ? "not looked at yet"
      : `${all.length} ${all.length === 1 ? "member" : "members"}, seen through Kafka`;
  write(byId("members-sum"), groupError === null ? seen : `may be old: ${groupError}`);
  const most = Math.max(1, ...all.map((m) => m.partitions));
  const names = new Set(all.map((m) => m.name));
  for (const [name, row] of members) {
    if (names.has(name)) continue;
    row.line.remove();
    members.delete(name);
  }
  for (const m of all) {
    const row = members.get(m.name) ?? open(m);
    row.share.style.width = `${(100 * m.partitions) / most}%`;
    row.self.hidden = !m.self;
    write(row.partitions, count(m.partitions));
    write(row.rate, m.offsetsPerS === null ? "–" : short(m.offsetsPerS));
    write(row.lag, m.lag === null ? "–" : short(m.lag));
    write(row.oldest, m.oldestAtMs === null ? "–" : duration(nowMs - m.oldestAtMs));
  }
}

function open({ name, host }) {
  const cell = () => make("td", { class: "number" });
  const row = {
    share: make("i"),
    self: make("span", { class: "tag" }, "this one"),
    partitions: make("span"),
    rate: cell(),
    lag: cell(),
    oldest: cell(),
  };
  const title = make("th", { scope: "row", title: host }, make("span", {}, name), " ", row.self);
  const share = make("span", { class: "share", "aria-hidden": "true" }, row.share);
  const partitions = make("td", { class: "number" }, share, row.partitions);
  row.line = make("tr", {}, title, partitions, row.rate, row.lag, row.oldest);
  byId("members").append(row.line);
  members.set(name, row);
  return row;
}

let held = [];

/** While somebody points at the list or reads in it, it holds still. */
export function showEvents(fresh, whole) {
  const list = byId("events");
  if (whole) {
    list.replaceChildren();
    held = [];
  }
  held.push(...fresh);
  if (!whole && (list.matches(":hover") || list.matches(":focus-within"))) return;
  for (const e of held) list.prepend(item(e, whole));
  held = [];
  while (list.childElementCount > MAX_EVENTS) list.lastElementChild.remove();
  if (list.childElementCount === 0)
    list.append(make("li", { class: "none" }, make("p", {}, "Nothing yet.")));
  else list.querySelector(".none")?.remove();
}

function item({ atMs, level, text }, whole) {
  const at = make("time", { datetime: new Date(atMs).toISOString() }, time(atMs));
  return make(
    "li",
    { "data-level": level, class: whole ? null : "new" },
    glyph(level),
    at,
    make("p", {}, text),
  );
}
