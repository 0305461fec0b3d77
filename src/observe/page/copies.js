import { bytes, command, count, glyph, make } from "./format.js";

const HOLDS = { absent: "nothing", unknown: "not known", damaged: "damaged", data: "no manifest" };

/** Of a partition that stopped over a batch: the copies side by side, and how to find out which is right. */
export function copies({ copies: all, source }, p) {
  const [first] = all;
  if (first === undefined) return [];
  const right = all.find((c) => c.sink === source) ?? first;
  const other = all.find((c) => differs(c, right)) ?? right;
  const scope = `--topic ${p.topic} --partition ${p.partition}`;
  const head = ["Sink", "Offsets", "Stored", "Digest"].map((t, i) =>
    make("th", { scope: "col", class: i === 1 || i === 2 ? "number" : null }, t),
  );
  const table = make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...all.map((c) => row(c, right))),
  );
  const steps = [
    ["Find out who wrote it", `bulk-archiver list --sink ${other.sink} ${scope}`],
    ...(other === right
      ? []
      : [
          [
            "See what a repair from the primary would do",
            `bulk-archiver reconcile --source ${right.sink} --target ${other.sink} ${scope} --dry-run`,
          ],
        ]),
  ];
  return [
    make(
      "section",
      { class: "copies" },
      make("h3", {}, "Copies of one batch", make("span", {}, `at ${count(first.start)}`)),
      table,
      make("p", { class: "soft" }, `${source} decides. Nothing was overwritten.`),
      make("ol", {}, ...steps.map(([text, line]) => make("li", {}, `${text}:`, command(line)))),
    ),
  ];
}

/** A batch that is not there yet is no other one. */
const differs = (c, right) =>
  c.is === "damaged" || (c.digest !== null && (c.digest !== right.digest || c.end !== right.end));

function row(c, right) {
  const level = differs(c, right) ? "human" : c.digest === null ? "none" : "ok";
  const cells = [
    make("td", { class: "number" }, c.end === null ? "–" : count(BigInt(c.end) - BigInt(c.start))),
    make("td", { class: "number" }, c.sizeBytes === null ? "–" : bytes(c.sizeBytes)),
    make(
      "td",
      { class: "mono", title: c.digest ?? c.reason },
      c.digest === null ? (c.reason ?? HOLDS[c.is]) : `${c.digest.slice(0, 12)}…`,
    ),
  ];
  const name = make("th", { scope: "row" }, glyph(level), c.sink);
  return make("tr", { "data-level": level }, name, ...cells);
}
