import type { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import type { Lease } from "../../src/kafka/lease.ts";
import { GroupMember } from "../../src/kafka/member.ts";
import type { MemberOptions } from "../../src/kafka/member-options.ts";
import { TopicCatalogue, type TopicSelector } from "../../src/kafka/topics.ts";
import { connected, never, ports, SaidLog, sharedKafka, until } from "./live-kafka.ts";

export interface TestMemberOptions extends Partial<MemberOptions> {
  readonly group: string;
  readonly selectors: readonly TopicSelector[];
  readonly bootstrap?: string;
}

/** A member as a daemon runs it, with everything it was told. */
export class TestMember {
  readonly member: GroupMember;
  readonly client: KafkaClient;
  readonly catalogue: TopicCatalogue;
  readonly leases: Lease[] = [];
  readonly lost: string[] = [];
  readonly log = new SaidLog();
  readonly ended: Promise<unknown>;

  private constructor(client: KafkaClient, catalogue: TopicCatalogue, o: TestMemberOptions) {
    this.client = client;
    this.catalogue = catalogue;
    const partitions = () =>
      catalogue.topics.flatMap(({ topic, partitions: list }) =>
        list.map(({ partition }) => ({ topic, partition })),
      );
    const options: MemberOptions = {
      instanceId: null,
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
      heartbeatMs: 100,
      topics: () => catalogue.topics.map((t) => t.topic),
      partitions,
      about: {},
      ...o,
    };
    const listener = {
      assigned: (lease: Lease): void => void this.leases.push(lease),
      lost: (reason: string): void => void this.lost.push(reason),
    };
    this.member = new GroupMember(client, options, listener, ports(this.log));
    this.ended = this.member.run().then(
      () => null,
      (error: unknown) => error,
    );
  }

  static async start(o: TestMemberOptions): Promise<TestMember> {
    const client = await connected(o.bootstrap ?? sharedKafka());
    const catalogue = new TopicCatalogue(client, o.selectors);
    await catalogue.refresh(never);
    return new TestMember(client, catalogue, o);
  }

  get lease(): Lease | undefined {
    return this.leases.at(-1);
  }

  get owned(): string[] {
    return (this.lease?.partitions ?? []).map((p) => `${p.topic}/${p.partition}`).sort();
  }

  /** As a process does at its end. */
  async stop(): Promise<void> {
    await this.member.stop();
    await this.client.close();
    await this.ended;
  }

  /** As SIGKILL does: its connections are gone, nothing was said. */
  async kill(): Promise<void> {
    await this.client.close();
    const gone = this.member.stop();
    await Promise.all([gone, this.ended]);
  }
}

/** All of one generation, and together they own this many partitions, each once. */
export async function settled(members: readonly TestMember[], count: number): Promise<number> {
  await until(`${members.length} members own ${count} partitions`, 20_000, () => {
    const generations = new Set(members.map((m) => m.lease?.generation));
    const all = members.flatMap((m) => m.owned);
    return generations.size === 1 && all.length === count && new Set(all).size === count;
  });
  return members[0]?.lease?.generation ?? -1;
}
