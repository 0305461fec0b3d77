import { checkRewrapped } from "../check/amended.ts";
import { manifestsIn } from "../check/archive.ts";
import { SimProcess } from "../core/process.ts";
import { waits } from "../core/waits.ts";
import { Before } from "../check/repaired.ts";
import { type CommandPorts, prune, reconcile, replay, rewrap } from "./commands.ts";
import { KEYS } from "./keys.ts";
import type { Operation } from "./settings.ts";
import type { World } from "./world.ts";

/** One command of an operator, who runs it again until it has done its work. */
interface Order {
  readonly operation: Operation;
  readonly name: string;
  runs: number;
  process: SimProcess | null;
  /** What came of the last run. */
  said: string;
  done: boolean;
}

/** Soon, or long after the session of a run that died. */
const AGAIN_MS: readonly [number, number] = [500, 12_000];

/**
 * Behind so many, more than there are crashes, runs come less and less often: several orders in a row, each in a pause
 * of its own, leave daemons no time to bring what the orders wait for.
 */
const SOON_RUNS = 4;

/** Commands beside the daemons; each run is a process that may die anywhere. */
export class Operators {
  readonly #world: World;
  readonly #orders: Order[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** Who is at work now; null: nobody. */
  get process(): SimProcess | null {
    return this.#orders.find((o) => o.process?.alive === true)?.process ?? null;
  }

  /** What is not done yet, for the verdict. */
  get waiting(): readonly string[] {
    return this.#orders.filter((o) => !o.done).map((o) => `${o.name}: ${o.said}`);
  }

  begin(operation: Operation): void {
    const name = `${operation.what}${this.#orders.length + 1}`;
    const order: Order = { operation, name, runs: 0, process: null, said: "", done: false };
    this.#orders.push(order);
    this.#start(order);
  }

  /** An administrator works on a store: whoever runs a command there stops it first. */
  interrupt(): void {
    for (const { process } of this.#orders) process?.die("it was stopped");
  }

  #start(order: Order): void {
    const w = this.#world;
    if (w.failure !== null) return;
    const crash = order.operation.crashes[order.runs];
    order.runs += 1;
    const name = `${order.name}#${order.runs}`;
    const dice = w.dice.fork(name);
    const process = new SimProcess(name, { scheduler: w.scheduler, dice }, (why) => {
      w.trace(`${name} is dead: ${why}`);
      const patience = Math.max(1, order.runs - SOON_RUNS);
      if (!order.done)
        w.scheduler.after(patience * dice.int(...AGAIN_MS), () => this.#start(order));
    });
    order.process = process;
    w.starts(process);
    if (crash !== undefined) process.crashAt(crash);
    waits.owner = process;
    w.trace(`${name} starts`);
    void this.#run(order, process);
  }

  async #run(order: Order, process: SimProcess): Promise<void> {
    const w = this.#world;
    const { operation } = order;
    const decides = w.stores.find((s) => s.style.form === "files");
    const before = decides === undefined ? [] : manifestsIn(decides, "manifests");
    const archived = new Before(w.stores, this.#sources(operation), {
      ...{ cluster: w.cluster, at: w.scheduler.now },
    });
    try {
      const to = operation.to.map((i) => KEYS[i]?.recipient ?? "");
      const problems = await this.#work(operation, w.commandPorts(process), to);
      if (!process.alive) return;
      order.said = problems.join("; ");
      order.done = problems.length === 0;
      // What another command does before this one has said so is as good.
      const alone = this.#orders.every((o) => o.done);
      if (order.done && alone && operation.what === "rewrap")
        w.judge(() => before.forEach((path) => checkRewrapped(w.stores, path, to, w.damages)));
      if (order.done && operation.what === "reconcile")
        w.judge(() => archived.checkEqual(this.#between(operation), w.damages));
      if (order.done && operation.what === "replay")
        w.judge(() => archived.checkEqual([...w.stores.keys()], w.damages));
    } catch (error) {
      order.said = String(error);
    }
    if (!process.alive) return;
    w.trace(`${process.name} says ${order.done ? "done" : order.said}`);
    process.die("it ended");
    // A partition that stopped at what was damaged waits for somebody to start its daemon again.
    if (order.done && this.waiting.length === 0 && w.alarms.length > 0) w.startAnew();
  }

  #work(o: Operation, ports: CommandPorts, to: readonly string[]): Promise<readonly string[]> {
    if (o.what === "prune") return prune(ports);
    if (o.what === "rewrap") return rewrap(ports, to);
    if (o.what === "replay") return replay(ports);
    const [source = "", target = ""] = this.#between(o).map((i) => this.#world.stores[i]?.name);
    return reconcile(ports, [source, target]);
  }

  /** From which sinks it takes. */
  #sources(o: Operation): readonly number[] {
    return o.what === "reconcile" ? this.#between(o).slice(0, 1) : [...this.#world.stores.keys()];
  }

  #between({ between = [0, 1] }: Operation): readonly number[] {
    return between;
  }
}
