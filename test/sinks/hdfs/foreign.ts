import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAX_BYTES = 1 << 28;

/** HDFS by `curl`, as someone else reads and changes it: nothing of the product. */
export class ForeignHdfs {
  readonly #base: string;
  readonly #user: string;

  constructor(url: string, user = "archiver") {
    this.#base = `${url}/webhdfs/v1`;
    this.#user = user;
  }

  async read(path: string): Promise<Buffer> {
    return this.#curl(["-L", "-f", this.#url(path, "OPEN")]);
  }

  /** Answers of calls that have no body to send. */
  async call(method: string, path: string, op: string): Promise<string> {
    return (await this.#curl(["-X", method, this.#url(path, op)])).toString("utf8");
  }

  /** CREATE's two steps; replaces what is there. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    const head = ["-s", "-o", "/dev/null", "-w", "%{redirect_url}", "-X", "PUT"];
    const { stdout: to } = await run("curl", [...head, this.#url(path, "CREATE&overwrite=true")]);
    const binary = ["-H", "Content-Type: application/octet-stream"];
    const child = run("curl", ["-s", "-S", "-f", ...binary, "-X", "PUT", "-T", "-", to]);
    child.child.stdin?.end(bytes);
    await child;
  }

  /** Paths of all files below a folder, relative to it, sorted. */
  async files(folder: string): Promise<readonly string[]> {
    const found = await this.#below(folder, "");
    return found.toSorted();
  }

  /** All files below a folder but those in its `tmp/`, into a local one. */
  async bring(folder: string, into: string): Promise<void> {
    for (const file of await this.files(folder)) {
      if (file.startsWith("tmp/")) continue;
      mkdirSync(dirname(join(into, file)), { recursive: true });
      writeFileSync(join(into, file), await this.read(`${folder}/${file}`));
    }
  }

  async remove(path: string): Promise<void> {
    await this.call("DELETE", path, "DELETE&recursive=true");
  }

  async #below(folder: string, prefix: string): Promise<string[]> {
    const answer = JSON.parse(await this.call("GET", folder, "LISTSTATUS")) as {
      FileStatuses?: { FileStatus: { pathSuffix: string; type: string }[] };
    };
    const found: string[] = [];
    for (const { pathSuffix, type } of answer.FileStatuses?.FileStatus ?? []) {
      const name = `${prefix}${pathSuffix}`;
      if (type === "FILE") found.push(name);
      else found.push(...(await this.#below(`${folder}/${pathSuffix}`, `${name}/`)));
    }
    return found;
  }

  #url(path: string, op: string): string {
    return `${this.#base}${encodeURI(path)}?op=${op}&user.name=${this.#user}`;
  }

  async #curl(args: readonly string[]): Promise<Buffer> {
    const options = { encoding: "buffer", maxBuffer: MAX_BYTES } as const;
    return (await run("curl", ["-s", "-S", ...args], options)).stdout;
  }
}
