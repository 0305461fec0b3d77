import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The pages of docs/ as a small static site: `npm run site` builds it into .site/. */
const DOCS = fileURLToPath(new URL("..", import.meta.url));

const page = (text, link) => ({ text, link: `/${link}` });

const under = (folder) =>
  readdirSync(`${DOCS}${folder}`)
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => {
      const link = `${folder}/${name.slice(0, -".md".length)}`;
      return page(name.slice(0, -".md".length).replaceAll("-", " "), link);
    });

export default {
  title: "bulk-archiver",
  description: "Kafka topics into durable stores: every record once, the same bytes in every sink",
  outDir: "../.site",
  cacheDir: "../.site-cache",
  // What lies outside docs/ is read in the repository.
  ignoreDeadLinks: [/^\.\.?\/.*(deploy|Dockerfile|test|src|sinks|README|schema|package\.json|LICENSE)/],
  // Text is text: nothing between braces is a program of the page.
  markdown: { html: false, config: (md) => plainBraces(md) },
  themeConfig: {
    search: { provider: "local" },
    sidebar: [
      { text: "Begin", items: [page("Overview", ""), page("Deploying", "deploy"), page("Sizing", "sizing")] },
      {
        text: "Run",
        items: [
          page("systemd", "systemd"),
          page("Kubernetes", "kubernetes"),
          page("Operations", "operations"),
          page("HTTP", "http"),
          page("Verify", "verify"),
          page("Upgrade", "upgrade"),
        ],
      },
      {
        text: "Reference",
        items: ["configuration", "cli", "metrics", "errors", "format", "guarantees"].map((name) =>
          page(name[0].toUpperCase() + name.slice(1), name),
        ),
      },
      { text: "Sinks", collapsed: true, items: under("sinks") },
      {
        text: "Inside",
        collapsed: true,
        items: [page("Architecture", "architecture"), page("Comparison", "comparison"), ...under("decisions")],
      },
    ],
  },
};

/** Pages are templates of a framework there, and `{{ }}` in them would be run. */
function plainBraces(md) {
  for (const rule of ["text", "code_inline"]) {
    const plain = md.renderer.rules[rule];
    md.renderer.rules[rule] = (...args) =>
      plain(...args).replaceAll("{{", "&#123;&#123;").replaceAll("}}", "&#125;&#125;");
  }
}
