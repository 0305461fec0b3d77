import { refuseCode } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import type { KafkaRequest } from "./request.ts";

export interface DescribedMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  /** As the broker sees it: `/127.0.0.1`. */
  readonly clientHost: string;
  /** What it joined with, and what it was assigned; empty while the group rebalances. */
  readonly metadata: Buffer;
  readonly assignment: Buffer;
}

export interface DescribedGroup {
  /** `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty`, `Dead`. */
  readonly state: string;
  readonly protocol: string;
  readonly members: readonly DescribedMember[];
}

/** DescribeGroups v4 of one group; its coordinator is asked. */
export const describeGroup = (group: string): KafkaRequest<DescribedGroup> => ({
  apiKey: 15,
  apiVersion: 4,
  apiName: "DescribeGroups",
  encode: () =>
    new Writer()
      .array([group], (w, g) => w.string(g))
      .bool(false)
      .done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    const [found] = r.array((g) => {
      refuseCode(g.int16(), `the members of group ${group}`);
      g.string();
      const state = g.string();
      g.string();
      const protocol = g.string();
      const members = g.array(readMember);
      g.int32();
      return { state, protocol, members };
    });
    return found ?? { state: "Dead", protocol: "", members: [] };
  },
});

function readMember(r: Reader): DescribedMember {
  return {
    memberId: r.string(),
    instanceId: r.nullableString(),
    clientId: r.string(),
    clientHost: r.string(),
    metadata: r.bytes(),
    assignment: r.bytes(),
  };
}
