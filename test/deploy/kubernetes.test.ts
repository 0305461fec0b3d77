import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import type { Config } from "../../src/config/config.ts";
import { load } from "../config/load.ts";
import { refusals, type Resource, resourcesOf } from "./manifests.ts";
import { kustomized, pythonTool } from "./tools.ts";

/** Kustomize and Helm, rendered by their own programs and held against the schemas of the API. */
const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "archiver-kubernetes-"));

beforeAll(() => {
  pythonTool("kubernetes-validate");
}, 600_000);

afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly {
    readonly image: string;
    readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
    readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
    readonly env: readonly { readonly name: string }[];
  }[];
}

const found = (all: readonly Resource[], kind: string): Resource => {
  const one = all.find((r) => r.kind === kind);
  if (one === undefined) throw new Error(`no ${kind}`);
  return one;
};

/** The configuration as the daemon in the pod reads it. */
function configOf(all: readonly Resource[]): Promise<Config> {
  const text = found(all, "ConfigMap").data?.["config.yaml"] ?? "";
  for (const name of ["s3-secret", "http-token"]) {
    writeFileSync(join(dir, name), "a-secret-of-enough-characters\n");
  }
  const here = text.replaceAll("/run/secrets/bulk-archiver", dir);
  return load(here, dir, { POD_NAME: "bulk-archiver-0" });
}

/** What both ways have to agree on: a stop is never cut short, and a name outlives the pod. */
async function holdsTogether(all: readonly Resource[]): Promise<void> {
  const config = await configOf(all);
  const set = found(all, "StatefulSet").spec as { template: { spec: PodSpec } };
  const pod = set.template.spec;
  const [container] = pod.containers;
  const preStop = container?.lifecycle.preStop.sleep.seconds ?? 0;
  const drain = config.drainTimeoutMs / 1000;
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(preStop + drain + 15);
  expect(pod.terminationGracePeriodSeconds * 1000).toBeLessThanOrEqual(
    config.kafka.sessionTimeoutMs,
  );
  expect(config.kafka.instanceId).toBe("bulk-archiver-0");
  expect(container?.env.map((e) => e.name)).toContain("POD_NAME");
  expect(container?.securityContext.readOnlyRootFilesystem).toBe(true);
  expect(config.http?.port).toBe(9464);
}

test("kustomize: the example, as it is", async () => {
  const text = kustomized(join(DEPLOY, "kubernetes/example"));
  expect(refusals(text)).toBe("");
  const all = resourcesOf(text);
  expect(all.map((r) => r.kind).sort()).toEqual([
    ...["ConfigMap", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"],
    ...["ServiceMonitor", "StatefulSet"],
  ]);
  await holdsTogether(all);
});

test("kustomize: with KEDA", () => {
  const copy = join(dir, "deploy");
  mkdirSync(copy);
  cpSync(join(DEPLOY, "kubernetes"), copy, { recursive: true });
  const overlay = { resources: ["../base"], components: ["../keda"] };
  mkdirSync(join(copy, "scaled"));
  writeFileSync(join(copy, "scaled/kustomization.yaml"), stringify(overlay));
  const text = kustomized(join(copy, "scaled"));
  expect(refusals(text)).toBe("");
  expect(resourcesOf(text).map((r) => r.kind)).toContain("ScaledObject");
});

test("a field that is not there would be found, in either kind of resource", () => {
  const text = kustomized(join(DEPLOY, "kubernetes/example"));
  expect(refusals(text.replace("minReadySeconds", "minReadySecs"))).toContain("minReadySecs");
  expect(refusals(text.replace("interval: 15s", "intervall: 15s"))).toContain("intervall");
});

const helm = (...args: readonly string[]): string =>
  execFileSync(
    pythonTool("helm"),
    ["template", "archive", join(DEPLOY, "helm"), "--kube-version", "1.34.0", ...args],
    {
      encoding: "utf8",
    },
  );

test("helm: with what it has by default", async () => {
  const text = helm();
  expect(refusals(text)).toBe("");
  await holdsTogether(resourcesOf(text));
  expect(
    execFileSync(
      pythonTool("helm"),
      ["lint", "--strict", "--kube-version", "1.34.0", join(DEPLOY, "helm")],
      { encoding: "utf8" },
    ),
  ).toContain("0 chart(s) failed");
});

test("helm: with everything switched on and several pipelines", async () => {
  const values = join(dir, "values.yaml");
  const sinks = [{ name: "files", kind: "fs", path: "/archive" }];
  const pipelines = ["one", "two"].map((name) => ({
    ...{ name, group: `group-${name}`, topics: [name], sinks: ["files"] },
  }));
  const kafka = { brokers: ["k1:9092", "k2:9092"], instanceId: "${env:POD_NAME}" };
  const volume = { name: "archive", persistentVolumeClaim: { claimName: "shared" } };
  const all = {
    image: { repository: "example/archiver", digest: `sha256:${"0".repeat(64)}` },
    drainSeconds: 10,
    serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
    keda: { enabled: true, authentication: "kafka-credentials" },
    extraVolumes: [volume],
    extraVolumeMounts: [{ name: "archive", mountPath: "/archive" }],
    extraEnv: [{ name: "TZ", value: "UTC" }],
    podLabels: { team: "data" },
    podAnnotations: { note: "x" },
    imagePullSecrets: [{ name: "pull" }],
    priorityClassName: "high",
    tolerations: [{ key: "dedicated", operator: "Exists" }],
    config: { topics: null, group: null, kafka, sinks, pipelines },
  };
  writeFileSync(values, stringify(all));
  const text = helm("--values", values);
  expect(refusals(text)).toBe("");
  const rendered = resourcesOf(text);
  await holdsTogether(rendered);
  const set = found(rendered, "StatefulSet").spec as {
    replicas?: number;
    template: { spec: PodSpec };
  };
  expect(set.replicas).toBeUndefined();
  expect(set.template.spec.terminationGracePeriodSeconds).toBe(30);
  expect(set.template.spec.containers[0]?.image).toBe(`example/archiver@sha256:${"0".repeat(64)}`);
  const scaled = found(rendered, "ScaledObject").spec as {
    triggers: readonly { metadata: { consumerGroup: string } }[];
  };
  expect(scaled.triggers.map((t) => t.metadata.consumerGroup)).toEqual(["group-one", "group-two"]);
});
