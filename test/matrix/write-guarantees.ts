import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { GUARANTEES, guaranteesPage } from "./guarantees-page.ts";

/** Part of `npm run docs`: what shows each promise, into the page that makes them. */
const file = fileURLToPath(new URL(`../../${GUARANTEES}`, import.meta.url));
writeFileSync(file, guaranteesPage(readFileSync(file, "utf8")));
process.stdout.write(`${GUARANTEES}\n`);
