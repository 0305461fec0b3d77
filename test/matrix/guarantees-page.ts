import { CASES } from "./cases.ts";
import { AUDITED, PROMISES, type Promised } from "./promises.ts";
import { type Evidence, SHOWN_BY } from "./shown-by.ts";

export const GUARANTEES = "docs/guarantees.md";

const ALL = "cases";
/** More of them are only counted: the table at the end has each. */
const MAX_NAMED = 6;

/**
 * The page with what shows each promise made anew, between its marks; what it says besides is kept. Throws
 * where a promise has no heading, no mark, or no condition.
 */
export function guaranteesPage(now: string): string {
  let page = now;
  for (const name of Object.keys(PROMISES) as Promised[]) {
    const section = sectionOf(page, PROMISES[name]);
    if (!section.includes("- *Depends on*:")) throw new Error(`${name}: on what does it depend?`);
    page = page.replace(section, () => filled(section, name, shownBy(name)));
  }
  return filled(page, ALL, caseTable());
}

function sectionOf(page: string, heading: string): string {
  const from = page.indexOf(`\n### ${heading}\n`);
  if (from < 0) throw new Error(`${GUARANTEES} has no heading "${heading}"`);
  const to = page.slice(from + 1).search(/\n##/);
  return page.slice(from, to < 0 ? undefined : from + 1 + to);
}

function filled(text: string, name: string, lines: readonly string[]): string {
  const [begin, end] = [`<!-- shown by: ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${GUARANTEES} has no "${begin} … ${end}"`);
  return `${text.slice(0, from)}${[begin, ...lines].join("\n")}\n${text.slice(to)}`;
}

function shownBy(name: Promised): string[] {
  const tests = SHOWN_BY[name].map((e) => `  - ${link(e)}: ${e.says}.`);
  const cases = CASES.filter((c) => c.shows.includes(name)).map((c) => c.name);
  if (cases.length === 0) return ["- *Shown by*:", ...tests];
  const audited = AUDITED.some((a) => a === name);
  const which = audited || cases.length > MAX_NAMED ? "" : `: ${cases.join("; ")}`;
  const count = `${cases.length} ${cases.length === 1 ? "case" : "cases"}`;
  const matrix = `  - [${count} of \`npm run faults\`](#cases-of-npm-run-faults)${which}.`;
  return ["- *Shown by*:", matrix, ...tests];
}

const link = ({ path, test }: Evidence): string =>
  `[test/${path}](../test/${path})${test === undefined ? "" : ` ("${test}")`}`;

/** Each case, and which promises it shows besides those of the auditor's verdict. */
function caseTable(): string[] {
  const rows = CASES.map((c) => {
    const audited = AUDITED.every((a) => c.shows.includes(a));
    const others = c.shows.filter((p) => !(audited && AUDITED.some((a) => a === p)));
    const said = [...(audited ? ["audited"] : []), ...others.map((p) => PROMISES[p])];
    return `| ${c.name} | ${said.join("; ")} |`;
  });
  return ["| case | shows |", "|---|---|", ...rows];
}
