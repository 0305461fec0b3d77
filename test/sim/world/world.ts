import type { TaskEvent } from "../../../src/pipeline/ports.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { placeOf } from "../check/archive.ts";
import { Damages } from "../check/damaged.ts";
import { Pauses } from "../check/paused.ts";
import { Violation } from "../check/violation.ts";
import { Watch } from "../check/watch.ts";
import { Network } from "../core/network.ts";
import { SimProcess } from "../core/process.ts";
import { Dice } from "../core/random.ts";
import { Scheduler } from "../core/scheduler.ts";
import { waits } from "../core/waits.ts";
import { SimClient } from "../kafka/client.ts";
import { Cluster } from "../kafka/cluster.ts";
import { SimStore } from "../stores/store.ts";
import { sinkOf } from "../stores/sinks.ts";
import type { CommandPorts } from "./commands.ts";
import { Conditions } from "./conditions.ts";
import { Operators } from "./operators.ts";
import { type RunningDaemon, startDaemon } from "./daemon.ts";
import { type DaemonSettings, type Scenario, TOPIC } from "./settings.ts";

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
/** Everything that came while a process was frozen is done by then, and what it means is known. */
const AWAKE_MS = 100;

/** Everything there is in a run: brokers, stores, daemons, and who looks at them. */
export class World {
  readonly scenario: Scenario;
  readonly scheduler = new Scheduler();
  readonly cluster: Cluster;
  readonly network: Network;
  readonly watch: Watch;
  readonly damages = new Damages();
  readonly pauses = new Pauses(() => this.scheduler.now);
  readonly dice: Dice;
  readonly stores: SimStore[] = [];
  readonly conditions = new Conditions(() => this.scheduler.now);
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
      damages: this.damages,
    });
    // What operators and owners tell each other is in groups of other names.
    this.cluster.onCommit = (c) =>
      this.judge(() => {
        if (c.group === "first.operator") this.pauses.asked(c);
        else if (c.group === "first.operator.answers") this.pauses.answered(c);
        else this.watch.committed(c, this.network.isLate);
      });
    const listener = {
      created: (store: SimStore, path: string): void =>
        this.judge(() => this.watch.created(store, path)),
      replaced: (store: SimStore, path: string, before: Uint8Array, after: Uint8Array): void =>
        this.judge(() => this.watch.replaced(store, path, before, after)),
      removed: (store: SimStore, path: string, to: string | null): void =>
        this.judge(() => this.watch.removed(store, path, to)),
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

  /** An operator has mended what daemons stopped at. */
  startAnew(): void {
    this.alarms.length = 0;
    for (let d = 0; d < this.scenario.daemons; d += 1) this.kill(d);
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
    const { retentionMs, batchBytes } = this.scenario;
    const client = this.#client(d, process);
    const { settings } = this;
    const config = { group: "first", retentionMs, batchBytes, settings };
    return { process, client, sinks, ...config, trace };
  }

  /** A process is told of before it does anything. */
  starts(process: SimProcess): void {
    this.#watcher.onStart(process);
  }

  #client(d: number, process: SimProcess): SimClient {
    return new SimClient({
      ...{ process, network: this.network, cluster: this.cluster },
      weather: (broker, coordinates) =>
        this.conditions.weather(d, [
          "kafka",
          `kafka-${broker}`,
          ...(coordinates ? ["coordinator"] : []),
        ]),
    });
  }

  #sink(d: number, i: number, process: SimProcess, dice: Dice): Sink {
    const store = this.stores[i];
    if (store === undefined) throw new RangeError(`no store ${i}`);
    return sinkOf({
      ...{ process, network: this.network, store, unit: () => dice.unit() },
      weather: () => this.conditions.weather(d, [store.name]),
      trouble: () => this.conditions.troubleOf(store.name),
      now: () => this.scheduler.now,
      onChange: (path, by) => {
        // Whoever rewraps what is good needs no pause.
        if (by === "move" || this.damages.isWrong(store, path)) this.#sets(process, path);
      },
    });
  }

  /** A process that was frozen may do what it has begun: stores compare a tag. */
  #sets(process: SimProcess, path: string): void {
    const woke = process.wokeAt > this.scheduler.now - AWAKE_MS;
    const { id } = this.cluster.topic(TOPIC);
    const own = placeOf(path);
    const isOld = (other: string): boolean => (placeOf(other)?.branch ?? 0) > (own?.branch ?? 0);
    const live =
      own?.topicId === id &&
      !this.stores.some((s) => s.paths(`manifests/${TOPIC}/${id}/${own.partition}`).some(isOld));
    if (!process.alive || woke || !live) return;
    this.judge(() => this.pauses.checkHeld(path, this.cluster.group("first").emptyUntil));
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
