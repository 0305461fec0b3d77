import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** systemd-notify waits by a message of its own until what it said was taken. */
const isOurs = (fields: readonly string[]): boolean => !fields.includes("BARRIER=1");

const RECEIVER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(json.dumps(s.recv(65536).decode()), flush=True)
`;

/** A datagram socket as systemd's, and everything that was sent to it; another program receives. */
export class NotifySocket {
  readonly path: string;
  readonly #dir: string;
  readonly #child: ChildProcess;
  #text = "";

  private constructor(dir: string) {
    this.#dir = dir;
    this.path = join(dir, "notify");
    this.#child = spawn("python3", ["-c", RECEIVER, this.path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#text += text));
  }

  static async open(): Promise<NotifySocket> {
    const socket = new NotifySocket(mkdtempSync(join(tmpdir(), "archiver-notify-")));
    while (!socket.#text.startsWith("bound\n")) await sleep(20);
    return socket;
  }

  /** Each message as its fields, in the order they came. */
  get messages(): readonly (readonly string[])[] {
    const lines = this.#text.split("\n").slice(1, -1);
    const texts = lines.map((line) => JSON.parse(line) as string);
    return texts.map((text) => text.split("\n").filter((f) => f !== "")).filter(isOurs);
  }

  count(field: string | RegExp): number {
    const is = (f: string): boolean => (typeof field === "string" ? f === field : field.test(f));
    return this.messages.filter((m) => m.some(is)).length;
  }

  /** Waits until so many messages have had the field. */
  async has(field: string | RegExp, times: number, ms = 45_000): Promise<void> {
    for (const until = Date.now() + ms; this.count(field) < times; await sleep(50)) {
      if (Date.now() < until) continue;
      throw new Error(
        `${String(field)} came ${this.count(field)} times: ${JSON.stringify(this.messages)}`,
      );
    }
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await rm(this.#dir, { recursive: true, force: true });
  }
}
