import { refuseCode } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import type { KafkaRequest } from "./request.ts";

/** Who speaks: the same three values on every group request. */
export interface MemberRef {
  readonly group: string;
  readonly memberId: string;
  readonly instanceId: string | null;
}

export interface JoinOptions extends MemberRef {
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocol: string;
  readonly metadata: Uint8Array;
}

export interface Joined {
  readonly error: number;
  readonly generation: number;
  readonly protocol: string;
  readonly leader: string;
  readonly memberId: string;
  /** Of every member, for the leader only. */
  readonly members: readonly { memberId: string; instanceId: string | null; metadata: Buffer }[];
}

/** JoinGroup v5 (KIP-345). Errors are answers here: the member acts on each. */
export const joinGroup = (o: JoinOptions): KafkaRequest<Joined> => ({
  apiKey: 11,
  apiVersion: 5,
  apiName: "JoinGroup",
  // The broker holds the answer until every member has joined, or the time-out passed.
  timeoutMs: o.rebalanceTimeoutMs + 10_000,
  encode: () =>
    new Writer()
      .string(o.group)
      .int32(o.sessionTimeoutMs)
      .int32(o.rebalanceTimeoutMs)
      .string(o.memberId)
      .string(o.instanceId)
      .string("consumer")
      .array([o.protocol], (w, name) => w.string(name).bytes(o.metadata))
      .done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    return {
      error: r.int16(),
      generation: r.int32(),
      protocol: r.string(),
      leader: r.string(),
      memberId: r.string(),
      members: r.array((m) => ({
        memberId: m.string(),
        instanceId: m.nullableString(),
        metadata: m.bytes(),
      })),
    };
  },
});

/** SyncGroup v3: the leader sends every member's assignment, all receive their own. */
export const syncGroup = (
  o: MemberRef & {
    readonly generation: number;
    readonly assignments: readonly { memberId: string; assignment: Uint8Array }[];
    readonly rebalanceTimeoutMs: number;
  },
): KafkaRequest<{ error: number; assignment: Buffer }> => ({
  apiKey: 14,
  apiVersion: 3,
  apiName: "SyncGroup",
  timeoutMs: o.rebalanceTimeoutMs + 10_000,
  encode: () =>
    new Writer()
      .string(o.group)
      .int32(o.generation)
      .string(o.memberId)
      .string(o.instanceId)
      .array(o.assignments, (w, a) => w.string(a.memberId).bytes(a.assignment))
      .done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    return { error: r.int16(), assignment: r.bytes() };
  },
});

/** Heartbeat v3. Answers Kafka's error code, 0 when all is well. */
export const heartbeat = (
  o: MemberRef & { readonly generation: number },
  timeoutMs: number,
): KafkaRequest<number> => ({
  apiKey: 12,
  apiVersion: 3,
  apiName: "Heartbeat",
  timeoutMs,
  encode: () =>
    new Writer().string(o.group).int32(o.generation).string(o.memberId).string(o.instanceId).done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    return r.int16();
  },
});

/** LeaveGroup v3, one member. */
export const leaveGroup = (o: MemberRef): KafkaRequest<number> => ({
  apiKey: 13,
  apiVersion: 3,
  apiName: "LeaveGroup",
  encode: () =>
    new Writer()
      .string(o.group)
      .array([o], (w, m) => w.string(m.memberId).string(m.instanceId))
      .done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    return r.int16();
  },
});

/** FindCoordinator v1 of a group. */
export const findCoordinator = (
  group: string,
): KafkaRequest<{ nodeId: number; host: string; port: number }> => ({
  apiKey: 10,
  apiVersion: 1,
  apiName: "FindCoordinator",
  encode: () => new Writer().string(group).int8(0).done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    const error = r.int16();
    const text = r.nullableString();
    refuseCode(error, `the coordinator of group ${group}${text === null ? "" : ` (${text})`}`);
    return { nodeId: r.int32(), host: r.string(), port: r.int32() };
  },
});
