import { AsyncLocalStorage } from "node:async_hooks";
import { Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import type { Told } from "../sim/cover/instrument.ts";

/** `begun`: what is waited for has been called. `settled`: it is done, and nobody has heard of it yet. */
export type Side = "begun" | "settled";

/** The nth time that a side of a wait is come to. */
export interface Death {
  readonly place: string;
  readonly side: Side;
  readonly nth: number;
}

const lives = new AsyncLocalStorage<Life>();
const NEVER = new Promise<never>(() => undefined);
/** What a dead run has given to the kernel is done within this. */
const QUIET_MS = 5_000;
let born = 0;

/**
 * One run of something of the product in this process, up to where it dies. From then on none of its waits ends,
 * its connections are cut and its threads are stopped: to everybody else that is a process that was killed. What
 * it has asked of the file system already is done to the end, as the kernel does.
 */
export class Life {
  /** How often each wait was come to, in the order of the first time. */
  readonly passed = new Map<string, number>();
  /** How often what each waits for was done. */
  readonly settled = new Map<string, number>();
  readonly sockets = new Set<Socket>();
  readonly threads = new Set<Worker>();
  /** What it listens at, names of the kernel's with it. */
  readonly servers = new Set<Server>();
  /** A process has its own, and names files after it. */
  readonly pid = 2_000_000 + (born += 1);
  readonly #at: Death | null;
  readonly #die: () => void;
  readonly #over = Promise.withResolvers<"died">();
  #dead = false;

  /** @param die null: as above; else something that does not come back, such as SIGKILL */
  constructor(at: Death | null, die: (() => never) | null = null) {
    this.#at = at;
    this.#die = die ?? ((): void => this.#frozen());
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** What it answers, or that it died on the way. */
  async run<T>(work: () => Promise<T>): Promise<T | "died"> {
    const running = lives.run(this, work);
    const ended = await Promise.race([running, this.#over.promise]);
    if (this.#dead) await this.#gone();
    return ended;
  }

  begins(place: string): void {
    this.#meets(place, "begun", this.passed);
  }

  settles(place: string): void {
    this.#meets(place, "settled", this.settled);
  }

  #meets(place: string, side: Side, counts: Map<string, number>): void {
    const nth = (counts.get(place) ?? 0) + 1;
    counts.set(place, nth);
    const at = this.#at;
    if (at?.place === place && at.side === side && at.nth === nth) this.#die();
  }

  #frozen(): void {
    this.#dead = true;
    for (const socket of this.sockets) socket.destroy();
    this.#over.resolve("died");
  }

  async #gone(): Promise<void> {
    for (const server of this.servers) await closed(server);
    for (const thread of this.threads) await thread.terminate();
    const until = performance.now() + QUIET_MS;
    while (process.getActiveResourcesInfo().some((r) => r.startsWith("FSReq"))) {
      if (performance.now() > until) throw new Error("files are at work long after the death");
      await sleep(1);
    }
  }
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => void server.close(() => resolve()));

/** For `instrument`: a wait of a life that is dead never ends. */
export const told: Told = <T>(place: string, value: T): T => {
  const life = lives.getStore();
  if (life === undefined) return value;
  if (!life.dead) life.begins(place);
  if (!(value instanceof Promise)) return life.dead ? (NEVER as T) : value;
  const settled = (): void => {
    if (!life.dead) life.settles(place);
  };
  const heard = value.then(
    (v: unknown) => (settled(), life.dead ? NEVER : v),
    (error: unknown) => {
      settled();
      if (life.dead) return NEVER;
      throw error;
    },
  );
  return heard as T;
};

/** Lives have connections, servers, threads and a process id of their own. Once a process. */
export function apart(): void {
  const pid = process.pid;
  Object.defineProperty(process, "pid", { get: () => lives.getStore()?.pid ?? pid });
  process.on("worker", (worker) => void lives.getStore()?.threads.add(worker));
  const connect = Reflect.get(Socket.prototype, "connect") as (...args: unknown[]) => Socket;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    const life = lives.getStore();
    if (life?.dead === true) return this.destroy();
    life?.sockets.add(this);
    return Reflect.apply(connect, this, args);
  };
  const listen = Reflect.get(Server.prototype, "listen") as (...args: unknown[]) => Server;
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    const life = lives.getStore();
    if (life?.dead === true) return this;
    life?.servers.add(this);
    return Reflect.apply(listen, this, args);
  };
}
