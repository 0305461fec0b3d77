import { decodePlans } from "../core/plan-codec.ts";
import { decodeProof, type ProofNote, proofGroup } from "../core/proof-note.ts";
import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import type { Fetcher } from "../kafka/fetcher.ts";
import { KafkaError } from "../kafka/kafka-error.ts";
import type { GroupMember } from "../kafka/member.ts";
import { readCommittedOffsets } from "../kafka/offset-commits.ts";
import { describeConfigs } from "../kafka/requests/configs.ts";
import { type DescribedMember, describeGroup } from "../kafka/requests/describe-groups.ts";
import type { CommittedOffset, TopicPartition } from "../kafka/requests/offsets.ts";
import { decodeAssignment, decodeSubscription, PROTOCOL } from "../kafka/subscription.ts";
import type { TopicCatalogue } from "../kafka/topics.ts";
import type { GroupMemberReport, GroupReport } from "../observe/group-report.ts";

const MAX_ASKED = 1000;
const RETENTION_MS = 300_000;

export interface GroupViewOptions {
  readonly group: string;
  readonly client: KafkaClient;
  readonly catalogue: TopicCatalogue;
  readonly fetcher: Fetcher;
  readonly member: GroupMember;
  /** What this process is called until the group says otherwise. */
  readonly ownName: string;
  readonly now: () => number;
}

interface Named extends GroupMemberReport {
  readonly owned: readonly TopicPartition[];
}

const keyOf = (p: TopicPartition): string => `${p.topic}/${p.partition}`;

/** The whole group through Kafka alone: who is in it, who has what, and how far each partition is. */
export class GroupView {
  readonly #o: GroupViewOptions;
  #self: string;
  #retention: ReadonlyMap<string, number> = new Map();
  #retentionAt = Number.NEGATIVE_INFINITY;

  constructor(options: GroupViewOptions) {
    this.#o = options;
    this.#self = options.ownName;
  }

  /** This process's name among the members. */
  get self(): string {
    return this.#self;
  }

  async look(signal: AbortSignal): Promise<GroupReport> {
    const { group, client, catalogue, fetcher } = this.#o;
    const partitions = catalogue.topics.flatMap(({ topic, partitions: all }) =>
      all.map(({ partition }) => ({ topic, partition })),
    );
    const [described, committed, ends, proofs] = await Promise.all([
      client.sendToCoordinator(group, describeGroup(group), signal, "offsets"),
      committedOf(client, group, partitions, signal),
      fetcher.offsets(partitions, "latest", signal),
      proofsOf(client, group, catalogue, signal),
      this.#lookAtRetention(signal),
    ]);
    const members = described.protocol === PROTOCOL ? this.#named(described.members) : [];
    const owners = new Map(members.flatMap((m) => m.owned.map((p) => [keyOf(p), m.name] as const)));
    const endOf = new Map(ends.map((e) => [keyOf(e), e.offset]));
    const committedAt = new Map(committed.map((c) => [keyOf(c), c]));
    return {
      group,
      members: members.map(({ name, host, self }) => ({ name, host, self })),
      partitions: partitions.map((p) => {
        const found = committedAt.get(keyOf(p));
        const said = decodePlans(found?.metadata ?? "");
        const plans = "invalid" in said ? [] : said.plans;
        const first = plans[0]?.firstTimestamp ?? null;
        return {
          ...p,
          owner: owners.get(keyOf(p)) ?? null,
          committed: found?.offset ?? null,
          end: endOf.get(keyOf(p)) ?? null,
          plans: plans.map(({ start, end }) => ({ start, end })),
          lacks: "invalid" in said ? [] : said.behind.map(({ sink }) => sink),
          firstTimestampMs: first === null ? null : Number(first),
        };
      }),
      proofs,
      retentionMs: this.#retention,
    };
  }

  /** Names are unique: two members of one host without instance ids get a part of their ids. */
  #named(members: readonly DescribedMember[]): Named[] {
    const { memberId } = this.#o.member.state();
    const first = members.map((m) => m.instanceId ?? aboutOf(m).host ?? m.clientHost.slice(1));
    const named = members.map((m, i) => {
      const name = first[i] ?? m.memberId;
      const twice = first.filter((n) => n === name).length > 1;
      return {
        name: twice ? `${name} ${m.memberId.slice(-6)}` : name,
        host: aboutOf(m).host ?? m.clientHost.slice(1),
        self: m.memberId === memberId,
        owned: m.assignment.length === 0 ? [] : decodeAssignment(m.assignment).owned,
      };
    });
    this.#self = named.find((m) => m.self)?.name ?? this.#o.ownName;
    return named.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #lookAtRetention(signal: AbortSignal): Promise<void> {
    const { client, catalogue, now } = this.#o;
    if (now() - this.#retentionAt < RETENTION_MS) return;
    const resources = catalogue.topics.map(({ topic }) => ({
      type: "topic" as const,
      name: topic,
    }));
    const [broker] = client.brokerIds;
    if (broker === undefined || resources.length === 0) return;
    const names = ["retention.ms", "cleanup.policy"];
    const found = await client.send(broker, describeConfigs(resources, names), signal);
    this.#retention = new Map(
      found.flatMap(({ name, settings }) => {
        const ms = Number(settings.get("retention.ms") ?? "-1");
        const deletes = (settings.get("cleanup.policy") ?? "delete").includes("delete");
        return deletes && ms >= 0 ? [[name, ms] as const] : [];
      }),
    );
    this.#retentionAt = now();
  }
}

/** What it said of itself in its join; one of another version may say something else. */
function aboutOf(m: DescribedMember): Readonly<Record<string, string | undefined>> {
  return m.metadata.length === 0 ? {} : decodeSubscription(m.metadata, m.memberId).about;
}

async function committedOf(
  client: KafkaClient,
  group: string,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<CommittedOffset[]> {
  const found: CommittedOffset[] = [];
  for (let i = 0; i < partitions.length; i += MAX_ASKED) {
    const some = partitions.slice(i, i + MAX_ASKED);
    found.push(...(await readCommittedOffsets(client, group, some, signal)));
  }
  return found;
}

/** What `verify --tell` left; who may not read that group shows none. */
async function proofsOf(
  client: KafkaClient,
  group: string,
  { topics }: TopicCatalogue,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ProofNote>> {
  const wanted = topics.map(({ topic }) => ({ topic, partition: 0 }));
  try {
    const found = await committedOf(client, proofGroup(group), wanted, signal);
    return new Map(
      found.flatMap(({ topic, metadata }) => {
        const note = decodeProof(metadata);
        return note === null ? [] : [[topic, note] as const];
      }),
    );
  } catch (error) {
    if (error instanceof KafkaError && error.code === "kafka-auth") return new Map();
    throw error;
  }
}
