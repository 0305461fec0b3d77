import type { TaskEvent } from "../../../src/pipeline/ports.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { Violation } from "../check/violation.ts";
import { Watch } from "../check/watch.ts";
import { FAIR, Network, type Weather } from "../core/network.ts";
import { SimProcess } from "../core/process.ts";
import { Dice } from "../core/random.ts";
import { Scheduler } from "../core/scheduler.ts";
import { waits } from "../core/waits.ts";
import { SimClient } from "../kafka/client.ts";
import { Cluster } from "../kafka/cluster.ts";
import { SimStore } from "../stores/store.ts";
import { sinkOf } from "../stores/sinks.ts";
import type { StoreTrouble } from "../stores/store-view.ts";
import type { CommandPorts } from "./commands.ts";
import { Operators } from "./operators.ts";
import { type RunningDaemon, startDaemon } from "./daemon.ts";
import { type DaemonSettings, type Scenario, TOPIC } from "./settings.ts";

/** A condition that holds for a while. */
interface Spell {
  readonly until: number;
  readonly daemon: number | null;
  /** `kafka`, `coordinator`, the name of a sink, or `*`. */
  readonly target: string;
  readonly change: Partial<Weather>;
}

interface Instance {
  readonly process: SimProcess;
  running: RunningDaemon | null;
}

export interface Watcher {
  readonly trace: (line: string) => void;
  /** Told of every process that starts. */
  readonly onStart: (process: SimProcess) => void;
}

const RESTART_MS = 700;

/** Everything there is in a run: brokers, stores, daemons, and who looks at them. */
export class World {
  readonly scenario: Scenario;
  readonly scheduler = new Scheduler();
  readonly cluster: Cluster;
  readonly network: Network;
  readonly watch: Watch;
  readonly dice: Dice;
  readonly stores: SimStore[] = [];
  readonly operators = new Operators(this);
  readonly alarms: { at: number; daemon: number; partition: number; code: string; text: string }[] =
    [];
  settings: DaemonSettings;
  /** What went wrong first. */
  failure: unknown = null;
  peakBytes = 0;
  /** Records that were produced. */
  made = 0;
  readonly #watcher: Watcher;
  readonly #instances: (Instance | null)[] = [];
  readonly #down: number[] = [];
  readonly #spells: Spell[] = [];
  readonly #troubles: { until: number; sink: string; change: Partial<StoreTrouble> }[] = [];
  #starts = 0;
  #closedUntil = 0;

  constructor(scenario: Scenario, watcher: Watcher) {
    this.scenario = scenario;
    this.settings = scenario.settings;
    this.#watcher = watcher;
    this.dice = new Dice(scenario.seed);
    const wall = (): number => 1_760_000_000_000 + Math.floor(this.scheduler.now);
    this.cluster = new Cluster(this.scheduler, wall, [1, 2]);
    this.cluster.create(TOPIC, scenario.partitions);
    this.network = new Network(this.scheduler, this.dice.fork("network"), (l) => this.trace(l));
    this.watch = new Watch({
      stores: () => this.stores,
      topicId: (topic) => this.cluster.topic(topic).id,
      truth: (topic, partition) => this.cluster.log(topic, partition).truth,
      expiredBefore: () => (scenario.retentionMs === null ? null : wall() - scenario.retentionMs),
      cutShort: (topic, partition) => this.cluster.log(topic, partition).cutShort,
    });
    // What operators and owners tell each other is in groups of other names.
    const archives = ["first", "second"];
    this.cluster.onCommit = (c) =>
      archives.includes(c.group) && this.judge(() => this.watch.committed(c));
    const listener = {
      created: (store: SimStore, path: string): void =>
        this.judge(() => this.watch.created(store, path)),
      replaced: (store: SimStore, path: string, before: Uint8Array, after: Uint8Array): void =>
        this.judge(() => this.watch.replaced(store, path, before, after)),
      removed: (store: SimStore, path: string): void =>
        this.judge(() => this.watch.removed(store, path)),
    };
    for (const style of scenario.sinks) this.stores.push(new SimStore(style, listener));
    for (let d = 0; d < scenario.daemons; d += 1) {
      this.#instances.push(null);
      this.#down.push(0);
      this.scheduler.after(d * 300, () => this.start(d));
    }
  }

  trace(line: string): void {
    this.#watcher.trace(`${Math.round(this.scheduler.now)} ${line}`);
  }

  /** The first violation ends the run; the simulated server that noticed it goes on meanwhile. */
  judge(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.failure ??= error;
    }
  }

  get daemons(): readonly (RunningDaemon | null)[] {
    return this.#instances.map((i) => (i?.process.alive === true ? i.running : null));
  }

  /** The one behind the daemons is the operator's. */
  process(d: number): SimProcess | null {
    if (d === this.scenario.daemons) return this.operators.process;
    const process = this.#instances[d]?.process;
    return process?.alive === true ? process : null;
  }

  /** What holds between a daemon and a target now. */
  weather(daemon: number, targets: readonly string[]): Weather {
    let now: Weather = FAIR;
    for (const s of this.#spells) {
      if (s.until <= this.scheduler.now || (s.daemon !== null && s.daemon !== daemon)) continue;
      if (s.target === "*" || targets.includes(s.target)) now = { ...now, ...s.change };
    }
    return now;
  }

  spell(s: Omit<Spell, "until">, ms: number): void {
    this.#spells.push({ ...s, until: this.scheduler.now + ms });
  }

  trouble(sink: string, change: Partial<StoreTrouble>, ms: number): void {
    this.#troubles.push({ until: this.scheduler.now + ms, sink, change });
  }

  /** Kills it; it is started again after a while, as a supervisor would. */
  kill(d: number, downMs = RESTART_MS): void {
    this.#down[d] = downMs;
    const process = this.process(d);
    if (process === null) this.scheduler.after(downMs, () => this.start(d));
    else process.die("killed");
  }

  /** No daemon runs for so long: an administrator is at work. */
  closeFor(ms: number): void {
    this.#closedUntil = this.scheduler.now + ms;
    for (let d = 0; d < this.scenario.daemons; d += 1) this.kill(d, ms);
  }

  start(d: number): void {
    const wait = this.#closedUntil - this.scheduler.now;
    if (wait > 0) this.scheduler.after(wait, () => this.start(d));
    if (wait > 0 || this.process(d) !== null || this.failure !== null) return;
    this.#starts += 1;
    const n = this.#starts;
    const name = `d${d}#${n}`;
    const dice = this.dice.fork(name);
    const ports = { scheduler: this.scheduler, dice };
    const process = new SimProcess(name, ports, (why) => this.#died(d, name, why));
    this.starts(process);
    waits.owner = process;
    const instance: Instance = { process, running: null };
    this.#instances[d] = instance;
    this.trace(`${name} starts`);
    void this.#run(d, instance, n);
  }

  #died(d: number, name: string, why: string): void {
    this.trace(`${name} is dead: ${why}`);
    const downMs = this.#down[d] || RESTART_MS;
    this.#down[d] = 0;
    this.scheduler.after(downMs, () => this.start(d));
  }

  async #run(d: number, instance: Instance, n: number): Promise<void> {
    const { scenario, settings } = this;
    const { process } = instance;
    const second = scenario.secondGroup && d === scenario.daemons - 1;
    const dice = this.dice.fork(`stores ${n}`);
    try {
      instance.running = await startDaemon({
        process,
        client: this.#client(d, process),
        sinks: scenario.sinks.map((s, i) => ({
          settings: s,
          sink: this.#sink(d, i, process, dice),
        })),
        ...{ settings, group: second ? "second" : "first" },
        instanceId: scenario.staticIds ? `i${d}` : null,
        policy: { bytes: scenario.batchBytes, ageMs: scenario.ageMs },
        ...{ memoryBytes: scenario.memoryMiB << 20, retentionMs: scenario.retentionMs },
        freshId: `archive-${n}`,
        onEvent: (partition, topicId, event) => this.#told(d, process, partition, topicId, event),
        onDetached: (partition, sink, look) => {
          // An owner before it went on without it and said so, or retention comes near.
          const told = this.watch.wasMarked(partition, sink);
          const near = this.cluster.log(TOPIC, partition).start > 0;
          if (process.alive && !told && !near) this.judge(look);
        },
        trace: (line) => process.alive && this.trace(line),
      });
      await instance.running.ended;
      if (process.alive) process.die("it ended");
    } catch (error) {
      // A process that cannot begin, or go on, says why and is started again by its supervisor.
      this.trace(`${process.name} ends with ${String(error)}`);
      this.#down[d] = 3_000;
      process.die(String(error));
    }
  }

  /** What a command of an operator works with. */
  commandPorts(process: SimProcess): CommandPorts {
    const d = this.scenario.daemons;
    const dice = this.dice.fork(`stores ${process.name}`);
    const sinks = this.stores.map(({ name }, i) => ({
      name,
      sink: this.#sink(d, i, process, dice),
    }));
    const trace = (line: string): void => void (process.alive && this.trace(line));
    const { retentionMs } = this.scenario;
    const client = this.#client(d, process);
    return { process, client, sinks, group: "first", retentionMs, trace };
  }

  /** A process is told of before it does anything. */
  starts(process: SimProcess): void {
    this.#watcher.onStart(process);
  }

  #client(d: number, process: SimProcess): SimClient {
    return new SimClient({
      ...{ process, network: this.network, cluster: this.cluster },
      weather: (broker, coordinates) =>
        this.weather(d, ["kafka", `kafka-${broker}`, ...(coordinates ? ["coordinator"] : [])]),
    });
  }

  #sink(d: number, i: number, process: SimProcess, dice: Dice): Sink {
    const store = this.stores[i];
    if (store === undefined) throw new RangeError(`no store ${i}`);
    return sinkOf({
      ...{ process, network: this.network, store, unit: () => dice.unit() },
      weather: () => this.weather(d, [store.name]),
      trouble: () => this.#troubleOf(store.name),
      now: () => this.scheduler.now,
    });
  }

  #troubleOf(sink: string): StoreTrouble {
    let now: StoreTrouble = { refusesUser: false, forgets: 0, garbles: 0, throttled: false };
    for (const t of this.#troubles) {
      if (t.sink === sink && t.until > this.scheduler.now) now = { ...now, ...t.change };
    }
    return now;
  }

  #told(d: number, process: SimProcess, partition: number, topicId: string, e: TaskEvent): void {
    if (!process.alive) return;
    if (e.what === "stopped") {
      const { code, text } = e;
      this.alarms.push({ at: this.scheduler.now, daemon: d, partition, code, text });
      this.trace(`${process.name} ${topicId}/${partition} stopped: ${code}: ${text}`);
      return;
    }
    const shown =
      "batch" in e ? `${e.what} ${e.batch.start}..${e.batch.end}` : JSON.stringify(e, big);
    this.trace(`${process.name} p${partition} ${shown}`);
  }

  /** Looks at what memory the daemons hold. */
  weigh(): void {
    const most = (this.scenario.memoryMiB << 20) + (5 << 18);
    for (const r of this.daemons) {
      if (r === null) continue;
      this.peakBytes = Math.max(this.peakBytes, r.budget.peakBytes);
      if (r.budget.peakBytes > most) {
        const text = `${r.budget.peakBytes} bytes were held, the budget is ${r.budget.limitBytes}`;
        this.failure ??= new Violation("memory", text);
      }
    }
  }
}

const big = (_: string, v: unknown): unknown => (typeof v === "bigint" ? String(v) : v);
