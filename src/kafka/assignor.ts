import type { TopicPartition } from "./requests/offsets.ts";

/** A member as the assignor sees it. */
export interface Candidate {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly topics: readonly string[];
  /** What it owned before, from its user data. */
  readonly owned: readonly TopicPartition[];
  /** Of that ownership: when two members claim a partition, the newer generation is right. */
  readonly generation: number;
}

const keyOf = (p: TopicPartition): string => `${p.topic}/${p.partition}`;

/**
 * Sticky: a partition stays where it was unless balance needs it elsewhere; members differ by at most
 * one partition where their topics allow it. A pure function of its input.
 */
export function assign(
  candidates: readonly Candidate[],
  partitions: readonly TopicPartition[],
): Map<string, TopicPartition[]> {
  const order = (c: Candidate): string => c.instanceId ?? c.memberId;
  const members = [...candidates].sort((a, b) => (order(a) < order(b) ? -1 : 1));
  const byMember = new Map<string, TopicPartition[]>(members.map((m) => [m.memberId, []]));
  if (members.length === 0) return byMember;
  const owners = previousOwners(members);
  const free: TopicPartition[] = [];
  for (const p of sorted(partitions)) {
    const owner = owners.get(keyOf(p));
    if (owner === undefined || !owner.topics.includes(p.topic)) free.push(p);
    else byMember.get(owner.memberId)?.push(p);
  }
  for (const p of free) {
    const least = leastLoaded(members, byMember, p.topic);
    if (least !== undefined) byMember.get(least.memberId)?.push(p);
  }
  balance(members, byMember);
  return byMember;
}

const sorted = (partitions: readonly TopicPartition[]): TopicPartition[] =>
  [...partitions].sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  );

function previousOwners(members: readonly Candidate[]): Map<string, Candidate> {
  const owners = new Map<string, Candidate>();
  for (const m of members) {
    for (const p of m.owned) {
      const other = owners.get(keyOf(p));
      if (other === undefined || other.generation < m.generation) owners.set(keyOf(p), m);
    }
  }
  return owners;
}

function leastLoaded(
  members: readonly Candidate[],
  byMember: ReadonlyMap<string, readonly TopicPartition[]>,
  topic: string,
): Candidate | undefined {
  let least: Candidate | undefined;
  let load = Number.POSITIVE_INFINITY;
  for (const m of members) {
    const n = byMember.get(m.memberId)?.length ?? 0;
    if (m.topics.includes(topic) && n < load) {
      least = m;
      load = n;
    }
  }
  return least;
}

/** Moves one partition at a time from a fuller to an emptier member; each move narrows the spread. */
function balance(members: readonly Candidate[], byMember: Map<string, TopicPartition[]>): void {
  const total = [...byMember.values()].reduce((n, list) => n + list.length, 0);
  for (let moves = 0; moves < total; moves += 1) {
    const full = [...members].sort((a, b) => loadOf(byMember, b) - loadOf(byMember, a));
    if (!full.some((from) => moveOne(from, full, byMember))) return;
  }
}

const loadOf = (byMember: ReadonlyMap<string, readonly TopicPartition[]>, m: Candidate): number =>
  byMember.get(m.memberId)?.length ?? 0;

function moveOne(
  from: Candidate,
  byLoad: readonly Candidate[],
  byMember: Map<string, TopicPartition[]>,
): boolean {
  const list = byMember.get(from.memberId) ?? [];
  for (const to of [...byLoad].reverse()) {
    if (loadOf(byMember, to) >= list.length - 1) return false;
    // The newest arrivals move first: what was owned the longest stays.
    const at = list.findLastIndex((p) => to.topics.includes(p.topic));
    const moved = at < 0 ? undefined : list.splice(at, 1)[0];
    if (moved !== undefined) {
      byMember.get(to.memberId)?.push(moved);
      return true;
    }
  }
  return false;
}
