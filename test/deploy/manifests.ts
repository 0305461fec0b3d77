import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { definition, pythonTool } from "./tools.ts";

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

export const resourcesOf = (text: string): Resource[] =>
  parseAllDocuments(text).flatMap((d) => {
    const value = d.toJS() as Resource | null;
    return value === null ? [] : [value];
  });

/** As the API server would with the definition's schema, unknown fields refused. */
const CUSTOM = `
import json, sys, yaml, jsonschema
def close(s):
    if isinstance(s, dict):
        if s.get("type") == "object" and "properties" in s and not s.get("x-kubernetes-preserve-unknown-fields"):
            s.setdefault("additionalProperties", False)
        for v in s.values(): close(v)
    elif isinstance(s, list):
        for v in s: close(v)
crd, found = yaml.safe_load(open(sys.argv[1])), yaml.safe_load(open(sys.argv[2]))
version = found["apiVersion"].split("/")[1]
schema = next(v for v in crd["spec"]["versions"] if v["name"] == version)["schema"]["openAPIV3Schema"]
close(schema["properties"]["spec"])
jsonschema.Draft4Validator.check_schema({})
errors = list(jsonschema.Draft7Validator(schema).iter_errors(found))
print("\\n".join(f"{list(e.path)}: {e.message[:300]}" for e in errors))
sys.exit(1 if errors else 0)
`;

/** What Kubernetes' own schemas, and those of the operators, refuse; empty: nothing. */
export function refusals(text: string): string {
  const dir = mkdtempSync(join(tmpdir(), "archiver-manifests-"));
  try {
    const said: string[] = [];
    const plain = resourcesOf(text).filter((r) => !isCustom(r));
    const file = join(dir, "all.yaml");
    writeFileSync(file, plain.map((r) => JSON.stringify(r)).join("\n---\n"));
    const validate = pythonTool("kubernetes-validate");
    const found = spawnSync(validate, ["--strict", "--quiet", file], { encoding: "utf8" });
    if (found.status !== 0) said.push(found.stdout + found.stderr);
    for (const r of resourcesOf(text).filter(isCustom)) said.push(custom(dir, r));
    return said.join("");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const isCustom = (r: Resource): boolean => r.kind === "ScaledObject" || r.kind === "ServiceMonitor";

function custom(dir: string, r: Resource): string {
  const [crd, file] = [join(dir, "crd.yaml"), join(dir, "custom.yaml")];
  writeFileSync(crd, definition(r.kind as "ScaledObject" | "ServiceMonitor"));
  writeFileSync(file, JSON.stringify(r));
  const python = join(pythonTool("kubernetes-validate"), "../python");
  const found = spawnSync(python, ["-c", CUSTOM, crd, file], { encoding: "utf8" });
  return found.status === 0 ? "" : `${r.kind}: ${found.stdout}${found.stderr}`;
}
