import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Debian's Chromium: nothing is downloaded. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

export interface Opened {
  readonly page: Page;
  /** What the page complained of: errors, refused by its policy, requests that failed. */
  readonly complaints: readonly string[];
}

/** `password`: what a person would type when the browser asks. */
export async function openPage(
  browser: Browser,
  url: string,
  { width = 1440, password }: { readonly width?: number; readonly password?: string } = {},
): Promise<Opened> {
  const context = await browser.newContext({
    viewport: { width, height: 1100 },
    ...(password === undefined ? {} : { httpCredentials: { username: "me", password } }),
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (e) => complaints.push(String(e)));
  page.on("console", (m) => {
    if (m.type() === "error") complaints.push(m.text());
  });
  page.on("request", (r) => {
    if (!r.url().startsWith(url) && !r.url().startsWith("data:"))
      complaints.push(`asks ${r.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Everything that axe-core finds: WCAG 2.2 AA and best practice. Empty: nothing. */
export async function violations(page: Page): Promise<string[]> {
  // Not as a script element: the page's policy would refuse it, as it should.
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(AXE);
  const found = (await page.evaluate(
    `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then((r) => r.violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })) })))`,
  )) as readonly Violation[];
  return found.flatMap(({ id, nodes }) =>
    nodes.slice(0, 3).map((n) => `${id}: ${n.html.slice(0, 200)} ${n.failureSummary ?? ""}`),
  );
}

export async function useTheme(page: Page, theme: "light" | "dark"): Promise<void> {
  await page.evaluate(`document.documentElement.setAttribute("data-theme", "${theme}")`);
}
