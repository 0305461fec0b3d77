import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { load } from "../config/load.ts";
import { cli } from "../operate/cli-process.ts";
import { definition, pythonTool } from "./tools.ts";

const FILE = fileURLToPath(new URL("../../deploy/compose/compose.yaml", import.meta.url));
const FOLDER = dirname(FILE);

interface Service {
  readonly image?: string;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
}

const compose = parse(readFileSync(FILE, "utf8")) as {
  services: Readonly<Record<string, Service>>;
  volumes: Readonly<Record<string, null>>;
};
const services = Object.entries(compose.services);

const dir = mkdtempSync(join(tmpdir(), "archiver-compose-"));
beforeAll(() => {
  pythonTool("kubernetes-validate");
}, 600_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const SCHEMA = `
import json, sys, yaml, jsonschema
schema, found = json.load(open(sys.argv[1])), yaml.safe_load(open(sys.argv[2]))
errors = list(jsonschema.validators.validator_for(schema)(schema).iter_errors(found))
print("\\n".join(f"{list(e.path)}: {e.message[:300]}" for e in errors))
`;

/** What the schema of the compose specification refuses; empty: nothing. */
function refused(text: string): string {
  const [schema, file] = [join(dir, "compose-spec.json"), join(dir, "compose.yaml")];
  writeFileSync(schema, definition("compose"));
  writeFileSync(file, text);
  const python = join(pythonTool("kubernetes-validate"), "../python");
  return execFileSync(python, ["-c", SCHEMA, schema, file], { encoding: "utf8" }).trim();
}

test("it is a compose file by the specification's own schema", () => {
  const text = readFileSync(FILE, "utf8");
  expect(refused(text)).toBe("");
  expect(refused(text.replace("stop_grace_period:", "stop_grace:"))).toContain("stop_grace");
});

test("what it mounts and waits for is there", () => {
  for (const [name, { volumes = [], depends_on: waits = [] }] of services) {
    for (const volume of volumes) {
      const [from = ""] = volume.split(":");
      const there = from.startsWith(".")
        ? existsSync(resolve(FOLDER, from))
        : from in compose.volumes;
      expect(there, `${name}: ${volume}`).toBe(true);
    }
    for (const other of Array.isArray(waits) ? waits : Object.keys(waits)) {
      expect(compose.services, name).toHaveProperty([String(other)]);
    }
  }
});

test("images are pinned, and ports are on loopback only", () => {
  for (const [name, { image = "", ports = [] }] of services) {
    expect(image, name).toMatch(/:(?!latest)[\w.-]+$/);
    for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
  }
});

test("the daemon's configuration loads, and its names are those of the services", async () => {
  const text = readFileSync(join(FOLDER, "archiver.yaml"), "utf8");
  const archiver = compose.services["archiver"];
  const config = await load(text, FOLDER, archiver?.environment);
  const hosts = [...config.kafka.brokers, ...text.matchAll(/endpoint: http:\/\/([^\s]+)/g)].map(
    (h) => String(typeof h === "string" ? h : h[1]).replace(/:\d+$/, ""),
  );
  expect(hosts).toEqual(["kafka", "minio"]);
  for (const host of hosts) expect(compose.services).toHaveProperty([host]);
  const graceMs = Number.parseInt(archiver?.stop_grace_period ?? "", 10) * 1000;
  expect(graceMs).toBeGreaterThanOrEqual(config.drainTimeoutMs + 15_000);
});

test("the daemon itself takes the configuration, and explains it", async () => {
  const env = compose.services["archiver"]?.environment as Record<string, string>;
  const argv = ["check", "--explain", "--config", join(FOLDER, "archiver.yaml")];
  const { code, stdout, stderr } = await cli(argv, { env });
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("minio");
  expect(stdout).not.toContain(env["S3_SECRET"]);
});

test("promtool takes Prometheus' configuration, mounted as the compose file mounts it", () => {
  const { volumes = [] } = compose.services["prometheus"] ?? {};
  for (const volume of volumes) {
    const [from = "", to = ""] = volume.split(":");
    cpSync(resolve(FOLDER, from), join(dir, to.replace("/etc/prometheus/", "")));
  }
  const args = ["check", "config", join(dir, "prometheus.yml")];
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
});

test("Prometheus scrapes the daemon by the rules, Grafana has the dashboard", () => {
  const read = (name: string): unknown => parse(readFileSync(join(FOLDER, name), "utf8"));
  expect(read("prometheus.yaml")).toMatchObject({
    rule_files: ["bulk-archiver.rules.yml"],
    scrape_configs: [{ static_configs: [{ targets: ["archiver:9464"] }] }],
  });
  expect(read("grafana/datasource.yaml")).toMatchObject({
    datasources: [{ url: "http://prometheus:9090" }],
  });
});
