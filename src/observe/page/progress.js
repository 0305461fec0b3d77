import { count, make } from "./format.js";

/** Of the bar, what everything that is committed takes: it is without bound, what waits is not. */
const COMMITTED_SHARE = 0.4;

/** How far the partition is: in every sink, planned, and only in Kafka; a bar, and the same in numbers. */
export function progress(p) {
  if (p.committed === null || p.end === null) return [];
  const [committed, end] = [BigInt(p.committed), BigInt(p.end)];
  const planEnd = p.plan === null ? committed : BigInt(p.plan.end);
  const planned = between(0n, planEnd - committed, end - committed);
  const waiting = end - committed - planned;
  const parts = [
    ["done", "Committed, in every sink up to", count(p.committed), COMMITTED_SHARE],
    ["planned", "Planned, being delivered", offsets(planned), share(planned, end - committed)],
    [
      "kafka",
      "Being gathered, or still in Kafka",
      offsets(waiting),
      share(waiting, end - committed),
    ],
  ];
  const bar = make("div", { class: "progress", "aria-hidden": "true" });
  for (const [part, , , grow] of parts) {
    if (grow === 0) continue;
    const piece = make("i", { "data-part": part });
    piece.style.flexGrow = String(grow);
    bar.append(piece);
  }
  const legend = parts.flatMap(([part, words, number]) => [
    make("dt", { "data-part": part }, words),
    make("dd", {}, number),
  ]);
  return [bar, make("dl", { class: "facts parts" }, ...legend)];
}

const offsets = (n) => `${count(n)} ${n === 1n ? "offset" : "offsets"}`;

const between = (least, n, most) => (n < least ? least : n > most ? most : n);

/** Of what the committed part leaves. */
const share = (n, of) => (of <= 0n ? 0 : (1 - COMMITTED_SHARE) * (Number(n) / Number(of)));
