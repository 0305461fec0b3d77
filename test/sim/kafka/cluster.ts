import { Group } from "./group.ts";
import { Log } from "./log.ts";
import type { Scheduler } from "../core/scheduler.ts";

export interface Partition {
  readonly log: Log;
  leader: number;
}

export interface Topic {
  readonly name: string;
  /** base64url, 22 characters. */
  readonly id: string;
  readonly partitions: Partition[];
}

export interface Commit {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

export const CLUSTER_ID = "simulated-cluster";

/** The brokers, what they store, and who is responsible for what. */
export class Cluster {
  readonly brokers: readonly number[];
  readonly topics = new Map<string, Topic>();
  /** Topics that were deleted, with what was in them. */
  readonly deleted: Topic[] = [];
  readonly groups = new Map<string, Group>();
  /** Told of every commit that is taken. */
  onCommit: (c: Commit) => void = () => undefined;
  /** Told when records may be there to read. */
  readonly #waiting = new Set<() => void>();
  #coordinator: number;
  #loadingUntil = 0;
  readonly scheduler: Scheduler;
  readonly #wall: () => number;
  #topicIds = 0;

  constructor(scheduler: Scheduler, wall: () => number, brokers: readonly number[]) {
    this.scheduler = scheduler;
    this.#wall = wall;
    this.brokers = brokers;
    this.#coordinator = brokers[0] ?? 1;
  }

  get coordinator(): number {
    return this.#coordinator;
  }

  get loading(): boolean {
    return this.scheduler.now < this.#loadingUntil;
  }

  /** Another broker takes the groups over, and needs a while to load them. */
  moveCoordinator(to: number, loadMs: number): void {
    this.#coordinator = to;
    this.#loadingUntil = this.scheduler.now + loadMs;
  }

  group(name: string): Group {
    let found = this.groups.get(name);
    if (found === undefined) {
      found = new Group(name, this.scheduler);
      this.groups.set(name, found);
    }
    return found;
  }

  create(name: string, partitions: number): Topic {
    this.#topicIds += 1;
    const id = Buffer.alloc(16, this.#topicIds).toString("base64url");
    const topic: Topic = { name, id, partitions: [] };
    this.topics.set(name, topic);
    this.grow(name, partitions);
    return topic;
  }

  grow(name: string, partitions: number): void {
    const topic = this.topic(name);
    while (topic.partitions.length < partitions) {
      const leader = this.brokers[topic.partitions.length % this.brokers.length] ?? 1;
      topic.partitions.push({ log: new Log(this.#wall), leader });
    }
  }

  /** Deleted and created again: another id, and the groups' offsets of it are gone. */
  recreate(name: string): void {
    const before = this.topic(name);
    this.deleted.push(before);
    for (const { log } of before.partitions) log.delete();
    for (const group of this.groups.values()) {
      for (const key of group.offsets.keys())
        if (key.startsWith(`${name}/`)) group.offsets.delete(key);
    }
    this.create(name, before.partitions.length);
    this.changed();
  }

  topic(name: string): Topic {
    const found = this.topics.get(name);
    if (found === undefined) throw new RangeError(`no topic ${name}`);
    return found;
  }

  log(name: string, partition: number): Log {
    const found = this.topic(name).partitions[partition];
    if (found === undefined) throw new RangeError(`no partition ${name}/${partition}`);
    return found.log;
  }

  /** Fetches that are held back look again. */
  changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** `look` answers whether it is done waiting; at the latest after `ms` it is told that it is. */
  wait(ms: number, look: (late: boolean) => boolean): void {
    const again = (late: boolean): void => {
      if (!look(late)) return;
      this.#waiting.delete(woken);
      undo();
    };
    const woken = (): void => again(false);
    const undo = this.scheduler.after(ms, () => again(true));
    this.#waiting.add(woken);
  }
}
