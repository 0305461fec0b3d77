import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cephConf } from "./ceph-conf.ts";
import { type CephPackages, cephPackages } from "./ceph-packages.ts";
import { answers, freePorts, gone } from "./server-process.ts";

export type CephDaemon = "mon" | "osd" | "gateway";

export interface CephOptions {
  /** @default "memory" */
  readonly store?: "memory" | "disk";
  /** Added to the gateway's settings. */
  readonly gateway?: Readonly<Record<string, string>>;
  readonly say?: (text: string) => void;
}

export interface CephUser {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const START_MS = 90_000;
const TOOL_MS = 90_000;
const GATEWAY_NAME = "client.rgw.test";
const SETUP = fileURLToPath(new URL("./ceph-setup.py", import.meta.url));
const ARGUMENTS: Readonly<Record<CephDaemon, readonly string[]>> = {
  mon: ["ceph-mon", "-i", "a", "-f"],
  osd: ["ceph-osd", "-i", "0", "-f"],
  gateway: ["radosgw", "-n", GATEWAY_NAME, "-f"],
};

/** A real Ceph on loopback: mon, OSD and the S3 gateway, each a process that can be killed. */
export class CephServer {
  readonly endpoint: string;
  readonly #dir: string;
  readonly #packages: CephPackages;
  readonly #monPort: number;
  readonly #gatewayPort: number;
  readonly #children = new Map<CephDaemon, ChildProcess>();
  #user: CephUser = { accessKeyId: "", secretAccessKey: "" };

  private constructor(dir: string, packages: CephPackages, ports: readonly number[]) {
    this.#dir = dir;
    this.#packages = packages;
    [this.#monPort, this.#gatewayPort] = [ports[0] ?? 0, ports[1] ?? 0];
    this.endpoint = `http://127.0.0.1:${this.#gatewayPort}`;
  }

  static async start(o: CephOptions = {}): Promise<CephServer> {
    const packages = await cephPackages(o.say);
    const dir = mkdtempSync(join(tmpdir(), "archiver-ceph-"));
    const server = new CephServer(dir, packages, await freePorts(2));
    try {
      await server.#begin(o);
      return server;
    } catch (error) {
      const text = `Ceph did not start: ${String(error)}\n${server.#logTails()}`;
      await server.stop();
      throw new Error(text, { cause: error });
    }
  }

  /** The keys of the user that start() made. */
  get user(): CephUser {
    return this.#user;
  }

  pid(daemon: CephDaemon): number {
    return this.#children.get(daemon)?.pid ?? -1;
  }

  signal(daemon: CephDaemon, name: NodeJS.Signals): void {
    this.#children.get(daemon)?.kill(name);
  }

  async kill(...daemons: readonly CephDaemon[]): Promise<void> {
    for (const daemon of daemons) this.signal(daemon, "SIGKILL");
    for (const daemon of daemons) {
      const child = this.#children.get(daemon);
      if (child !== undefined) await gone(child);
    }
  }

  /** Starts again what is not running, on what it stored; in memory an OSD stored nothing. */
  async restart(): Promise<void> {
    for (const daemon of ["mon", "osd", "gateway"] as const) {
      const child = this.#children.get(daemon);
      if (child?.exitCode === null && child.signalCode === null) continue;
      this.#launch(daemon);
      if (daemon === "mon") await this.#listening("mon", this.#monPort);
    }
    await this.#listening("gateway", this.#gatewayPort);
    // The gateway answers before the OSD serves.
    this.#tool("rados", ["-p", ".rgw.root", "ls"]);
  }

  /** radosgw-admin; its standard output. */
  admin(args: readonly string[]): string {
    return this.#tool("radosgw-admin", ["-n", GATEWAY_NAME, ...args]);
  }

  addUser(uid: string): CephUser {
    const keys = {
      accessKeyId: `AK${uid}`,
      secretAccessKey: randomUUID().replaceAll("-", ""),
    };
    const secrets = [`--access-key=${keys.accessKeyId}`, `--secret-key=${keys.secretAccessKey}`];
    this.admin(["user", "create", `--uid=${uid}`, `--display-name=${uid}`, ...secrets]);
    return keys;
  }

  async stop(): Promise<void> {
    await this.kill("gateway", "osd", "mon");
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #conf(): string {
    return join(this.#dir, "ceph.conf");
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, ...this.#packages.env, CEPH_CONF: this.#conf };
  }

  async #begin({ store = "memory", gateway = {} }: CephOptions): Promise<void> {
    const [fsid, osdId] = [randomUUID(), randomUUID()];
    for (const name of ["mon", "osd", "rgw"]) mkdirSync(join(this.#dir, name));
    writeFileSync(join(this.#dir, "keyring"), "");
    const [dir, monPort, gatewayPort] = [this.#dir, this.#monPort, this.#gatewayPort];
    const options = { dir, fsid, monPort, gatewayPort, store, gateway };
    writeFileSync(this.#conf, cephConf(options, this.#packages));
    const map = join(dir, "monmap");
    const place = `[v2:127.0.0.1:${monPort}]`;
    this.#tool("monmaptool", ["--create", "--clobber", "--fsid", fsid, "--addv", "a", place, map]);
    this.#tool("ceph-mon", ["-i", "a", "--mkfs", "--monmap", map]);
    this.#launch("mon");
    await this.#listening("mon", monPort);
    this.#python(["register", osdId]);
    this.#tool("ceph-osd", ["-i", "0", "--mkfs", "--osd-uuid", osdId]);
    this.#launch("osd");
    this.#python(["pools"]);
    this.#user = this.addUser("archiver");
    this.#launch("gateway");
    await this.#listening("gateway", gatewayPort);
  }

  #launch(daemon: CephDaemon): void {
    const [program = "", ...args] = ARGUMENTS[daemon];
    const log = openSync(join(this.#dir, `${daemon}.out`), "a");
    const child = spawn(join(this.#packages.bin, program), args, {
      cwd: this.#dir,
      env: this.#env,
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    this.#children.set(daemon, child);
  }

  async #listening(daemon: CephDaemon, port: number): Promise<void> {
    for (let waited = 0; waited < START_MS; waited += 50) {
      const child = this.#children.get(daemon);
      if (child === undefined || child.exitCode !== null) break;
      if (await answers(port)) return;
      await sleep(50);
    }
    throw new Error(`the ${daemon} does not listen:\n${this.#logTails()}`);
  }

  #tool(program: string, args: readonly string[]): string {
    return this.#run(join(this.#packages.bin, program), args);
  }

  #python(args: readonly string[]): void {
    this.#run("/usr/bin/python3", [SETUP, this.#conf, ...args]);
  }

  #run(program: string, args: readonly string[]): string {
    const options = { cwd: this.#dir, env: this.#env, timeout: TOOL_MS };
    const done = spawnSync(program, args, { ...options, encoding: "utf8" });
    if (done.status === 0) return done.stdout;
    const said = `${done.stdout}${done.stderr}`.slice(-2000);
    throw new Error(`${program} ${args.join(" ")} ended with ${done.status}:\n${said}`);
  }

  #logTails(): string {
    return (["mon", "osd", "gateway"] as const)
      .map((daemon) => join(this.#dir, `${daemon}.log`))
      .filter((path) => existsSync(path))
      .map((path) => `${path}:\n${readFileSync(path, "utf8").split("\n").slice(-8).join("\n")}`)
      .join("\n");
  }
}
