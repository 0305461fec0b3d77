import { assign } from "./assignor.ts";
import type { Joined } from "./requests/group.ts";
import type { TopicPartition } from "./requests/offsets.ts";
import {
  decodeSubscription,
  encodeAssignment,
  encodePlan,
  type GroupPlan,
} from "./subscription.ts";

/** What the leader knows from before: the last plan and its generation. */
export interface Before {
  readonly plan: GroupPlan;
  readonly generation: number;
}

/**
 * The leader's part: everyone's partitions, as SyncGroup sends them. A member says itself what it owned;
 * a static one that was started again cannot know, but the plan does.
 */
export function distribute(
  joined: Joined,
  before: Before,
  partitions: readonly TopicPartition[],
): { memberId: string; assignment: Uint8Array }[] {
  const candidates = joined.members.map(({ memberId, instanceId, metadata }) => {
    const s = decodeSubscription(metadata, memberId);
    const said = s.generation >= 0;
    const owned = said ? s.owned : (before.plan.get(instanceId ?? memberId) ?? []);
    const generation = said ? s.generation : before.generation;
    return { memberId, instanceId, topics: s.topics, owned, generation };
  });
  const made = assign(candidates, partitions);
  const names = new Map(candidates.map((c) => [c.memberId, c.instanceId ?? c.memberId]));
  const plan = encodePlan(new Map([...made].map(([id, list]) => [names.get(id) ?? id, list])));
  return [...made].map(([memberId, owned]) => ({
    memberId,
    assignment: encodeAssignment(owned, plan),
  }));
}

/** True when some partition is in nobody's part: the group was formed before it existed. */
export function isIncomplete(plan: GroupPlan, partitions: readonly TopicPartition[]): boolean {
  const held = new Set([...plan.values()].flat().map((p) => `${p.topic}/${p.partition}`));
  return partitions.some((p) => !held.has(`${p.topic}/${p.partition}`));
}
