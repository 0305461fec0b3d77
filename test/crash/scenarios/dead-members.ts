import { requestGroup } from "../../../src/core/operator-requests.ts";
import { describeGroup } from "../../../src/kafka/requests/describe-groups.ts";
import { leaveGroup } from "../../../src/kafka/requests/group.ts";
import { offsetCommit } from "../../../src/kafka/requests/offsets.ts";
import { connected, never } from "../../kafka/live-kafka.ts";

let client: ReturnType<typeof connected> | undefined;

/** Members of a group that are dead are in the way until their session is over; here they leave. */
export async function dismiss(group: string): Promise<void> {
  const kafka = await (client ??= connected());
  for (const name of [group, requestGroup(group)]) {
    const { members } = await kafka.sendToCoordinator(name, describeGroup(name), never);
    for (const { memberId, instanceId } of members)
      await kafka.sendToCoordinator(name, leaveGroup({ group: name, memberId, instanceId }), never);
  }
}

/** Nothing lies in an operators' group, of the topic's first partition, any more. */
export async function askNothing(group: string, topic: string): Promise<void> {
  const kafka = await (client ??= connected());
  const entry = { topic, partition: 0, offset: 0n, metadata: "", leaderEpoch: -1 };
  const who = { group, generation: -1, memberId: "", instanceId: null };
  await kafka.sendToCoordinator(group, offsetCommit({ ...who, entries: [entry] }), never);
}
