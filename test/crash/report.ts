import { readFileSync } from "node:fs";
import { isProtocol } from "../sim/cover/protocol-path.ts";
import { everyWait } from "./product.ts";
import type { Walked } from "./walk.ts";
import { whereaboutsOf } from "./whereabouts.ts";

/** One scenario, in lines. */
export function show({ name, passed, died, killed, runs, wrong, seconds }: Walked): string {
  const deaths = [...died.values()].reduce((a, b) => a + b, 0);
  const verdict = wrong.length === 0 ? "ok    " : "FAILED";
  return [
    `${verdict} ${name}: ${passed.size} waits, died at ${died.size}, ${deaths} deaths ` +
      `(${killed} by SIGKILL), ${runs} runs, ${seconds.toFixed(0)} s`,
    ...wrong.map((text) => `       wrong: ${text}`),
  ].join("\n");
}

/** Per file: waits, how many were come to, and died at; then those that nobody died at, here or in the simulation. */
export function summary(walked: readonly Walked[]): string {
  const passed = new Set(walked.flatMap((w) => [...w.passed]));
  const died = new Set(walked.flatMap((w) => [...w.died.keys()]));
  const files = new Map<string, string[]>();
  const texts = everyWait();
  for (const place of texts.keys()) {
    const file = fileOf(place);
    files.set(file, [...(files.get(file) ?? []), place]);
  }
  const count = (places: readonly string[], of: ReadonlySet<string>): number =>
    places.filter((p) => of.has(p)).length;
  const rows = [...files]
    .filter(([, places]) => count(places, passed) > 0)
    .map(
      ([file, places]) =>
        `${String(places.length).padStart(5)} ${String(count(places, passed)).padStart(6)} ` +
        `${String(count(places, died)).padStart(7)}  ${file}`,
    );
  const all = [...files.values()].flat();
  const left = all.filter((place) => !died.has(place) && !isProtocol(fileOf(place)));
  return [
    "waits passed died at",
    ...rows,
    ...left.map((place) => `never: ${place}  ${texts.get(place)}${excuse(fileOf(place))}`),
    `${all.length} waits in the product: ${count(all, passed)} passed, ${count(all, died)} died at; ` +
      `${left.length} never, besides those of the simulation`,
  ].join("\n");
}

/** `file:line` without the line. */
export const fileOf = (place: string): string => place.slice(0, place.lastIndexOf(":"));

function excuse(file: string): string {
  const why = whereaboutsOf(file)?.why;
  return why === undefined ? "" : ` (${why})`;
}

/** What `reported` wrote. */
export function readReported(path: string): readonly Walked[] {
  const plain = JSON.parse(readFileSync(path, "utf8")) as readonly (Omit<
    Walked,
    "passed" | "died" | "sides"
  > & {
    readonly passed: readonly string[];
    readonly died: readonly (readonly [string, number])[];
    readonly sides: readonly string[];
  })[];
  return plain.map((w) => ({
    ...w,
    ...{ passed: new Set(w.passed), died: new Map(w.died), sides: new Set(w.sides) },
  }));
}

/** All of it, in JSON. */
export function reported(walked: readonly Walked[]): string {
  const plain = walked.map((w) => ({
    ...w,
    ...{ passed: [...w.passed], died: [...w.died], sides: [...w.sides] },
  }));
  return `${JSON.stringify(plain, null, 2)}\n`;
}
