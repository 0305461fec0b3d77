import { bytes, count, make, time } from "./format.js";

/** The last batches of a partition, as the primary's manifests say, and whether each follows on the next. */
export function batches(manifests) {
  if (manifests.length === 0) return make("p", { class: "soft" }, "No batch yet.");
  const head = ["Start", "Offsets", "Records", "Stored", "Last record"].map((t) =>
    make("th", { scope: "col", class: "number" }, t),
  );
  const body = manifests.map((m) => {
    const cells = [
      count(m.start),
      count(BigInt(m.end) - BigInt(m.start)),
      count(m.records),
      bytes(m.seal.size),
      m.maxTimestamp === null ? "–" : time(Number(m.maxTimestamp)),
    ];
    return make("tr", {}, ...cells.map((t) => make("td", { class: "number" }, t)));
  });
  const whole = manifests
    .slice(0, -1)
    .every((m, i) => m.start === manifests[i + 1].end && m.prevLink === manifests[i + 1].link);
  const said = whole
    ? "No gap, no overlap; each link follows from the one before."
    : "These do not follow on each other: run verify.";
  return make(
    "div",
    {},
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body)),
    make("p", { class: "soft" }, said),
  );
}

/** The link that was committed to Kafka is the one that the primary's manifest holds. */
export function agree({ chain }, manifests, source) {
  const m = chain === null ? undefined : manifests.find((x) => x.end === chain.offset);
  if (m === undefined) return null;
  const same = m.link === chain.link;
  return make(
    "p",
    { class: "soft" },
    same ? `The same link is in ${source}.` : `${source} holds another link: run verify.`,
  );
}
