import { agree, batches } from "./batches.js";
import { copies } from "./copies.js";
import { byId, command, count, duration, glyph, make, stateWords, time, write } from "./format.js";
import { ageOf, matches, nameOf, ordered, keyOf, partitionAt } from "./partitions.js";
import { progress } from "./progress.js";

const REFRESH_MS = 5_000;
/** As in page.css. */
const BESIDE = matchMedia("(min-width: 1181px)");
let key = null;
let detail = null;
let asked = 0;
let from = null;

export function openDrawer() {
  const drawer = byId("drawer");
  byId("close").addEventListener("click", () => drawer.close());
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  drawer.addEventListener("close", () => {
    key = null;
    mark();
    besides(false);
    // Focus goes back to where the details were opened from.
    from?.focus();
  });
  drawer.addEventListener("click", (e) => {
    if (e.target === drawer) drawer.close();
  });
  // Of a modal one the browser does this.
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && drawer.open && !e.defaultPrevented) drawer.close();
  });
  // Made narrow or wide, the window has another place for them.
  BESIDE.addEventListener("change", () => drawer.close());
}

export function showDetail(of) {
  if (key === null) from = document.activeElement;
  [key, detail, asked] = [of, null, 0];
  mark();
  draw();
  const drawer = byId("drawer");
  if (drawer.open) return;
  // Where there is room for both, the details lie beside the map and leave it in reach.
  if (!BESIDE.matches) return drawer.showModal();
  drawer.show();
  besides(true);
}

/** What is above the map has less room then, and grows: the map keeps its place in the window. */
function besides(on) {
  const map = byId("partitions");
  const before = map.getBoundingClientRect().top;
  document.body.classList.toggle("beside", on);
  scrollBy(0, map.getBoundingClientRect().top - before);
}

/** On the map: whose details are open. */
function mark() {
  for (const cell of document.querySelectorAll(".cell"))
    cell.toggleAttribute("data-open", cell.dataset.key === key);
}

/** Called with each update: the facts move, what Kafka and a sink hold is asked again now and then. */
export function refreshDetail() {
  if (key !== null) draw();
}

function step(by) {
  const list = ordered().filter(matches);
  const at = list.findIndex((p) => keyOf(p) === key);
  const next = list[at + by];
  if (next !== undefined) showDetail(keyOf(next));
}

async function ask(of) {
  const p = partitionAt(of);
  const query = new URLSearchParams({
    group: p.group,
    topic: p.topic,
    partition: String(p.partition),
  });
  let answer;
  try {
    const response = await fetch(`api/partition?${query}`);
    answer = response.ok ? await response.json() : { error: await response.text() };
  } catch (error) {
    answer = { error: String(error) };
  }
  if (key !== of) return;
  detail = answer;
  draw();
}

function draw() {
  const p = partitionAt(key);
  if (p === undefined) {
    byId("detail").replaceChildren(
      make("p", { class: "gone" }, "The group has this partition no more."),
    );
    return;
  }
  if (performance.now() - asked > REFRESH_MS || asked === 0) {
    asked = performance.now();
    void ask(key);
  }
  write(byId("drawer-title"), nameOf(p));
  const kept = [...byId("detail").querySelectorAll("details[open]")].map((d) => d.dataset.name);
  byId("detail").replaceChildren(
    state(p),
    ...(detail === null || detail.error !== undefined ? [] : copies(detail, p)),
    facts(p),
    ...(detail === null
      ? [make("p", { class: "gone" }, "Asking Kafka and the primary …")]
      : more(p)),
  );
  for (const name of kept)
    byId("detail").querySelector(`details[data-name="${name}"]`)?.setAttribute("open", "");
}

function state(p) {
  const lacks =
    p.lacks.length === 0
      ? ""
      : ` ${p.lacks.join(", ")} lacks batches and is filled when it answers.`;
  const waits = p.waitsFor.length === 0 ? "" : ` Waits for ${p.waitsFor.join(", ")}.`;
  const words = p.words === null ? "" : ` ${p.words[0].toUpperCase()}${p.words.slice(1)}.`;
  const text = make(
    "span",
    {},
    make("b", {}, stateWords[p.state]),
    `.${words}${waits}${lacks}`.replaceAll("..", "."),
  );
  return make("p", { class: "statement", "data-state": p.state }, glyph(p.state), text);
}

const section = (title, note, ...children) =>
  make(
    "section",
    {},
    make("h3", {}, title, note === "" ? null : make("span", {}, note)),
    ...children,
  );

const list = (pairs) =>
  make(
    "dl",
    { class: "facts" },
    ...pairs.flatMap(([k, v]) => [make("dt", {}, k), make("dd", {}, v)]),
  );

function facts(p) {
  const known = progress(p);
  const pairs = [
    ...(known.length > 0 ? [] : [["Committed, in every sink up to", count(p.committed)]]),
    ["End in Kafka", count(p.end)],
    ["Lag", `${count(p.lag)} offsets`],
    [
      "Oldest unconfirmed",
      p.oldestAtMs === null
        ? "nothing pending"
        : `${duration(ageOf(p))}, from ${time(p.oldestAtMs)}`,
    ],
    ["Owner", p.owner === null ? "nobody" : `${p.owner}${p.self ? " (this one)" : ""}`],
    ["Group", p.group],
  ];
  return section("Where it is", "", ...known, list(pairs));
}

function more(p) {
  if (detail.error !== undefined)
    return [make("p", { class: "gone" }, `Not to be had now: ${detail.error}`)];
  const { commit, manifests, slots, trouble, source, branch, topicId } = detail;
  const plan =
    p.plan === null ? "none committed" : `${count(p.plan.start)} to ${count(p.plan.end)}`;
  const scope = `--topic ${p.topic} --partition ${p.partition}`;
  return [
    section(
      "Pending plan",
      plan,
      ...slots.map(delivered),
      fold(
        "plan",
        "The commit as it stands in Kafka",
        commit.raw === "" ? "(no metadata)" : commit.raw,
      ),
    ),
    section("Recent batches", trouble ?? `from ${source}, newest first`, batches(manifests)),
    section(
      "Chain head",
      commit.chain === null ? "not committed yet" : `at ${count(commit.chain.offset)}`,
      make("p", { class: "mono" }, commit.chain?.link ?? "–"),
      agree(commit, manifests, source),
    ),
    section(
      "Manifest of the last batch",
      "",
      detail.newest === null
        ? make("p", { class: "soft" }, "No manifest.")
        : fold("manifest", manifests[0]?.seal.path ?? "manifest", pretty(detail.newest)),
    ),
    section(
      "Check it yourself",
      `branch ${branch}, topic id ${topicId}`,
      command(`bulk-archiver verify --across-sinks ${scope}`),
      command(`bulk-archiver list ${scope}`),
    ),
  ];
}

const HAS = { none: "waits", data: "has the data", whole: "confirmed" };
const LEVEL = { none: "attention", data: "work", whole: "ok" };

/** One batch under way: what each sink has of it. */
const delivered = ({ start, end, sinks }) =>
  make(
    "div",
    { class: "delivered" },
    make("p", {}, `${count(start)} to ${count(end)}`),
    make(
      "ul",
      {},
      ...sinks.map(({ name, has }) =>
        make(
          "li",
          { "data-level": LEVEL[has] },
          glyph(LEVEL[has]),
          make("span", {}, name),
          make("span", { class: "has" }, HAS[has]),
        ),
      ),
    ),
  );

const fold = (name, title, text) =>
  make(
    "details",
    { "data-name": name },
    make("summary", {}, title),
    make("pre", { tabindex: "0" }, text),
  );

/** Only spaces are added: numbers beyond 2^53 stay as they are written. */
const pretty = (text) => text.replaceAll(/([{[,])(?=["{[])/g, "$1\n  ").trim();
