import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

/**
 * `node sbom.ts FROM TO`: npm's bill of materials (SPDX 2.3) without what differs from run to run. npm
 * names each document by a random number and dates it now; here its name follows from what it says, and its
 * date is SOURCE_DATE_EPOCH, so that the same packages make the same file.
 */
interface Bill {
  readonly name: string;
  readonly documentNamespace: string;
  readonly creationInfo: { readonly created: string };
  readonly packages: readonly unknown[];
  readonly relationships: readonly unknown[];
}

const [from = "", to = ""] = process.argv.slice(2);
const bill = JSON.parse(readFileSync(from, "utf8")) as Bill;
const said = JSON.stringify([bill.name, bill.packages, bill.relationships]);
const digest = createHash("sha256").update(said).digest("hex");
const created = new Date(Number(process.env["SOURCE_DATE_EPOCH"] ?? "0") * 1000).toISOString();
const named = {
  ...bill,
  documentNamespace: `http://spdx.org/spdxdocs/${bill.name.replace("@", "-")}-${digest}`,
  // SPDX has whole seconds.
  creationInfo: { ...bill.creationInfo, created: created.replace(/\.\d+Z$/, "Z") },
};
writeFileSync(to, `${JSON.stringify(named, null, 2)}\n`);
