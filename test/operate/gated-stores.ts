import type { IncomingMessage } from "node:http";
import { HttpGate } from "../servers/http-gate.ts";
import { sharedSix } from "../sinks/all/shared-six.ts";
import { type SinkName, SixSinks } from "../sinks/all/six-sinks.ts";
import { type Ended, start } from "./cli-process.ts";

/** What a store is asked. */
export type Which = (request: IncomingMessage) => boolean;

/** It changes something in the store. */
export const writes: Which = ({ method = "", url = "" }) =>
  !["GET", "HEAD", "OPTIONS"].includes(method) && !url.includes("/_search");

export const readsData: Which = ({ method, url = "" }) =>
  method === "GET" && url.includes("/data/");

export interface KilledRuns {
  /** What each run was killed at, in order. */
  readonly at: readonly string[];
  /** The run that came through. */
  readonly last: Ended;
}

/** How it ended, and which request it was at when it got the signal; null: it never came so far. */
export interface Met extends Ended {
  readonly asked: string | null;
}

interface Place {
  readonly nth: number;
  readonly turn: "before" | "after";
}

const MOST = 60;
const never = new Promise<never>(() => undefined);

/**
 * An archive's places in real stores. Those that speak HTTP lie behind gates, which see each request: for
 * commands. A daemon beside them reaches the stores by `six` itself, so that nothing it asks is counted.
 */
export class GatedStores {
  readonly six: SixSinks;
  readonly #gates: Readonly<Partial<Record<SinkName, HttpGate>>>;

  private constructor(six: SixSinks, gates: Readonly<Partial<Record<SinkName, HttpGate>>>) {
    this.six = six;
    this.#gates = gates;
  }

  static async open(dir: string): Promise<GatedStores> {
    const six = await SixSinks.prepare(dir, await sharedSix());
    const { s3, hdfs, elasticsearch } = six.servers;
    const [ceph, lake, search] = await Promise.all([
      HttpGate.open(s3.endpoint),
      HttpGate.open(hdfs.url),
      HttpGate.open(elasticsearch.url),
    ]);
    return new GatedStores(six, { ceph, lake, search });
  }

  /** For another bucket than that of `ceph`. */
  get s3(): SixSinks["servers"]["s3"] {
    const { s3 } = this.six.servers;
    return { ...s3, endpoint: this.#gates.ceph?.url ?? s3.endpoint };
  }

  /** Lines of a configuration. */
  entries(
    names: readonly SinkName[],
    more: Readonly<Partial<Record<SinkName, Readonly<Record<string, unknown>>>>> = {},
  ): string {
    const through = {
      ...more,
      ceph: { endpoint: this.#gates.ceph?.url, ...more.ceph },
      lake: { url: this.#gates.lake?.url, ...more.lake },
      search: { url: this.#gates.search?.url, ...more.search },
    };
    return this.six.entries(names, through);
  }

  /**
   * Runs a command that is killed at the first request to a store that `which` means, runs it again and
   * kills it at the second, and so on, until one comes through. By turns the store has
   * not yet heard of the request, and has done it with nobody there to hear the answer.
   */
  async killedAtEach(which: Which, argv: readonly string[]): Promise<KilledRuns> {
    const at: string[] = [];
    for (let nth = 1; nth <= MOST; nth += 1) {
      const turn = nth % 2 === 1 ? "before" : "after";
      const { asked, ...last } = await this.killedAt(which, { nth, turn }, argv);
      if (asked === null) return { at, last };
      at.push(asked);
    }
    throw new Error(`killed ${at.length} times and never done: ${at.join(", ")}`);
  }

  /** SIGKILL at the nth such request, before the store has it or after it has done it. */
  async killedAt(which: Which, at: Place, argv: readonly string[]): Promise<Met> {
    return this.#met(which, { ...at, signal: "SIGKILL" }, argv);
  }

  /** SIGINT while the nth such request waits for its answer. */
  async interrupted(which: Which, nth: number, argv: readonly string[]): Promise<Met> {
    return this.#met(which, { nth, turn: "before", signal: "SIGINT" }, argv);
  }

  async close(): Promise<void> {
    for (const gate of Object.values(this.#gates)) await gate.close();
    await this.six.dispose();
  }

  /** The nth request and those behind it go no further. */
  async #met(
    which: Which,
    how: Place & { readonly signal: NodeJS.Signals },
    argv: readonly string[],
  ): Promise<Met> {
    const running = start(argv);
    let [seen, asked]: [number, string | null] = [0, null];
    for (const gate of Object.values(this.#gates)) {
      gate.watch = (request, when) => {
        if (when !== how.turn || !which(request)) return undefined;
        seen += 1;
        if (seen < how.nth) return undefined;
        if (seen === how.nth) {
          asked = `${when} ${request.method} ${request.url}`;
          running.child.kill(how.signal);
        }
        return never;
      };
    }
    const ended = await running.ended;
    for (const gate of Object.values(this.#gates)) gate.watch = () => undefined;
    return { ...ended, asked };
  }
}
