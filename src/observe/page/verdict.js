import {
  attribute,
  byId,
  bytes,
  command,
  count,
  duration,
  make,
  short,
  time,
  write,
} from "./format.js";

/** Favicon and title repeat shape and word, for who has the page in a tab. */
const MARK = { ok: "✓", work: "→", attention: "▲", human: "■", none: "–" };
const FILL = {
  ok: "#27946f",
  work: "#2f66d8",
  attention: "#e8a33a",
  human: "#c9252d",
  none: "#7b8591",
};
const SHAPES = {
  ok: '<circle cx="20" cy="20" r="17" class="f"/><path d="M12 21l6 6 11-13" class="s"/>',
  work: '<circle cx="20" cy="20" r="17" class="f"/><path d="M11 20h17M21 12l8 8-8 8" class="s"/>',
  attention: '<path d="M20 3l18 33H2z" class="f"/><path d="M20 15v10M20 29v2" class="s"/>',
  human:
    '<path d="M13 3h14l10 10v14L27 37H13L3 27V13z" class="f"/><path d="M20 11v11M20 27v2" class="s"/>',
  none: '<circle cx="20" cy="20" r="16" class="d"/><path d="M13 20h14" class="s"/>',
};

let shown = { level: null, todo: null };

export function showVerdict({ verdict, totals, limits, nowMs, daemon }) {
  const { level, title, sentence, second, todo } = verdict;
  attribute(byId("verdict"), "data-level", level);
  write(byId("sentence"), sentence);
  write(byId("second"), second);
  document.title = `${MARK[level]} ${title} – ${daemon.group}`;
  if (shown.level !== level) {
    byId("shape").innerHTML = svg(SHAPES[level]);
    byId("icon").href = icon(level);
    // A screen reader hears the sentence when the level changes, and not each second.
    if (shown.level !== null) write(byId("spoken"), sentence);
  }
  const key = JSON.stringify(todo);
  if (shown.todo !== key) {
    byId("todo").replaceChildren(
      ...todo.map((t) =>
        make("li", {}, make("span", {}, t.text), t.command === null ? null : command(t.command)),
      ),
    );
  }
  byId("todo").hidden = todo.length === 0;
  shown = { level, todo: key };
  figures(totals, limits, nowMs);
}

const svg = (inside) =>
  `<svg viewBox="0 0 40 40" width="40" height="40" focusable="false">${inside}</svg>`;

function icon(level) {
  const drawn = SHAPES[level]
    .replaceAll('class="f"', `fill="${FILL[level]}"`)
    .replaceAll('class="d"', `fill="none" stroke="${FILL[level]}" stroke-width="3"`)
    .replaceAll('class="s"', 'fill="none" stroke="#fff" stroke-width="4"');
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">${drawn}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(text)}`;
}

const rows = new Map();

function figures(t, limits, nowMs) {
  const limit = `limit ${duration(limits.unconfirmedMs)}`;
  const since =
    t.oldestMs === null
      ? `nothing is pending, ${limit}`
      : `from ${time(nowMs - t.oldestMs)}, ${limit}`;
  figure("Oldest unconfirmed", duration(t.oldestMs), "", since);
  figure(
    "Confirmed",
    count(t.recordsPerS),
    "records/s",
    `${bytes(t.rawBytesPerS)}/s in, ${bytes(t.storedBytesPerS)}/s stored`,
  );
  figure("Lag", t.lag === null ? "–" : short(t.lag), "offsets", "in this process's partitions");
  const share = t.memoryLimit === 0 ? "" : `of ${bytes(t.memoryLimit)}`;
  const batches = `${count(t.inFlight)} ${t.inFlight === 1 ? "batch" : "batches"} in flight`;
  figure("Memory", bytes(t.memoryUsed), share, batches);
  figure(
    "Kafka keeps it for",
    duration(t.retentionLeftMs),
    "",
    t.retentionLeftMs === null
      ? "nothing waits, or it is kept for ever"
      : "shortest retention left",
  );
  proof(t.lastProof, nowMs);
}

const GRADES = {
  quick: "chains whole",
  stored: "chains and files whole",
  deep: "every file opened",
};

/** What `verify --tell` said last of the topic that was looked at longest ago. */
function proof(p, nowMs) {
  if (p === null) return figure("Last proof", "–", "", "none told: verify --tell");
  const all = p.percent === 100 || p.grade === "quick" ? "" : ` (${p.percent} % of them)`;
  const equal = p.across ? ", sinks equal" : "";
  const found =
    p.problems === 0
      ? `${GRADES[p.grade]}${all}${equal}`
      : `${count(p.problems)} found: run verify`;
  const missing = p.unproven === 0 ? "" : `; not of ${count(p.unproven)} topics`;
  const unit = p.problems === 0 ? "ago" : p.problems === 1 ? "ago, 1 problem" : "ago, problems";
  figure("Last proof", duration(nowMs - p.atMs), unit, `${found}${missing}`);
}

function figure(name, value, unit, note) {
  let row = rows.get(name);
  if (row === undefined) {
    row = { value: make("span"), unit: make("small"), note: make("dd", { class: "note" }) };
    const dd = make("dd", { class: "value" }, row.value, " ", row.unit);
    byId("figures").append(make("div", {}, make("dt", {}, name), dd, row.note));
    rows.set(name, row);
  }
  write(row.value, value);
  write(row.unit, unit);
  write(row.note, note);
}
