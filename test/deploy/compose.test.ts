import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { load } from "../config/load.ts";

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
