import type { Cluster } from "./cluster.ts";
import { fetch } from "./fetch-api.ts";
import { In, Out } from "./wire.ts";

const NOT_LEADER = 6;
const LOADING = 14;
const NOT_COORDINATOR = 16;
const UNKNOWN_TOPIC = 3;
const NOTHING = Buffer.alloc(0);

/** What a broker answers to a request, byte for byte; a promise where the answer is held back. */
export function answer(
  k: Cluster,
  node: number,
  apiKey: number,
  apiVersion: number,
  body: Buffer,
): Buffer | Promise<Buffer> {
  const r = new In(body);
  switch (`${apiKey} ${apiVersion}`) {
    case "1 13":
      return fetch(k, node, r);
    case "2 5":
      return listOffsets(k, node, r);
    case "8 7":
      return offsetCommit(k, node, r);
    case "9 7":
      return offsetFetch(k, node, r);
    case "10 1":
      return findCoordinator(k);
    case "11 5":
      return joinGroup(k, node, r);
    case "12 3":
      return heartbeat(k, node, r);
    case "13 3":
      return leaveGroup(k, node, r);
    case "14 3":
      return syncGroup(k, node, r);
    case "15 4":
      return describeGroups(k, node, r);
    case "23 3":
      return epochEnd(k, node, r);
    default:
      throw new RangeError(`the simulated broker does not speak API ${apiKey} v${apiVersion}`);
  }
}

const notHere = (k: Cluster, node: number): number =>
  node !== k.coordinator ? NOT_COORDINATOR : k.loading ? LOADING : 0;

const findCoordinator = (k: Cluster): Buffer =>
  new Out()
    .i32(0)
    .i16(0)
    .text(null)
    .i32(k.coordinator)
    .text(`broker-${k.coordinator}`)
    .i32(9092)
    .done();

async function joinGroup(k: Cluster, node: number, r: In): Promise<Buffer> {
  const group = r.text() ?? "";
  const [sessionMs, rebalanceMs] = [r.i32(), r.i32()];
  const [memberId, instanceId] = [r.text() ?? "", r.text()];
  r.text();
  const [first] = r.list(() => ({ protocol: r.text() ?? "", metadata: r.blob() }));
  const protocol = first?.protocol ?? "";
  const metadata = first?.metadata ?? Buffer.alloc(0);
  const wrong = notHere(k, node);
  const joining = { memberId, instanceId, sessionMs, rebalanceMs, protocol, metadata };
  const a =
    wrong === 0
      ? await k.group(group).join(joining)
      : { error: wrong, generation: -1, leader: "", memberId, members: [] };
  const out = new Out().i32(0).i16(a.error).i32(a.generation).text(protocol);
  return out
    .text(a.leader)
    .text(a.memberId)
    .list(a.members, (m) => out.text(m.memberId).text(m.instanceId).blob(m.metadata))
    .done();
}

async function syncGroup(k: Cluster, node: number, r: In): Promise<Buffer> {
  const group = r.text() ?? "";
  const [generation, memberId, instanceId] = [r.i32(), r.text() ?? "", r.text()];
  const assignments = r.list(() => ({ memberId: r.text() ?? "", assignment: r.blob() }));
  const wrong = notHere(k, node);
  const a =
    wrong === 0
      ? await k.group(group).sync(memberId, instanceId, generation, assignments)
      : { error: wrong, assignment: Buffer.alloc(0) };
  return new Out().i32(0).i16(a.error).blob(a.assignment).done();
}

function heartbeat(k: Cluster, node: number, r: In): Buffer {
  const group = r.text() ?? "";
  const [generation, memberId, instanceId] = [r.i32(), r.text() ?? "", r.text()];
  const error = notHere(k, node) || k.group(group).heartbeat(memberId, instanceId, generation);
  return new Out().i32(0).i16(error).done();
}

function leaveGroup(k: Cluster, node: number, r: In): Buffer {
  const group = r.text() ?? "";
  const members = r.list(() => ({ memberId: r.text() ?? "", instanceId: r.text() }));
  const wrong = notHere(k, node);
  const errors = members.map((m) => ({ ...m, error: wrong || k.group(group).leave(m.memberId) }));
  const out = new Out().i32(0).i16(wrong);
  return out.list(errors, (m) => out.text(m.memberId).text(m.instanceId).i16(m.error)).done();
}

function offsetCommit(k: Cluster, node: number, r: In): Buffer {
  const group = r.text() ?? "";
  const [generation, memberId, instanceId] = [r.i32(), r.text() ?? "", r.text()];
  const topics = r.list(() => ({
    topic: r.text() ?? "",
    entries: r.list(() => {
      const [partition, offset] = [r.i32(), r.i64()];
      r.i32();
      return { partition, offset, metadata: r.text() ?? "" };
    }),
  }));
  const g = k.group(group);
  const wrong = notHere(k, node) || g.mayCommit(memberId, instanceId, generation);
  const out = new Out().i32(0);
  return out
    .list(topics, ({ topic, entries }) =>
      out.text(topic).list(entries, (e) => {
        const error = wrong || (k.topics.has(topic) ? 0 : UNKNOWN_TOPIC);
        if (error === 0) {
          const { partition, offset, metadata } = e;
          g.offsets.set(`${topic}/${partition}`, { offset, metadata });
          k.onCommit({ group, topic, partition, offset, metadata });
        }
        out.i32(e.partition).i16(error);
      }),
    )
    .done();
}

function offsetFetch(k: Cluster, node: number, r: In): Buffer {
  r.i8();
  const group = r.shortText();
  const asked = r.shortListOrAll(() => {
    const topic = r.shortText();
    const partitions = r.shortList(() => r.i32());
    r.i8();
    return { topic, partitions };
  });
  const wrong = notHere(k, node);
  const out = new Out().i8(0).i32(0);
  const stored = k.group(group).offsets;
  const topics = asked ?? byTopic(stored);
  return out
    .shortList(wrong === 0 ? topics : [], ({ topic, partitions }) => {
      out.shortText(topic).shortList(partitions, (partition) => {
        const found = stored.get(`${topic}/${partition}`);
        out
          .i32(partition)
          .i64(found?.offset ?? -1)
          .i32(-1);
        out
          .shortText(found?.metadata ?? "")
          .i16(0)
          .i8(0);
      });
      out.i8(0);
    })
    .i16(wrong)
    .i8(0)
    .done();
}

function byTopic(
  stored: ReadonlyMap<string, unknown>,
): { readonly topic: string; readonly partitions: readonly number[] }[] {
  const places = [...stored.keys()].map((key) => key.split("/"));
  return [...Map.groupBy(places, ([topic = ""]) => topic)].map(([topic, own]) => ({
    topic,
    partitions: own.map(([, partition]) => Number(partition)),
  }));
}

function describeGroups(k: Cluster, node: number, r: In): Buffer {
  const names = r.list(() => r.text() ?? "");
  const wrong = notHere(k, node);
  const out = new Out().i32(0);
  return out
    .list(names, (name) => {
      const { state, members } = k.group(name).described;
      const [settled, protocol] = [state === "Stable", members[0]?.protocol ?? ""];
      out.i16(wrong).text(name).text(state).text("consumer").text(protocol);
      out.list(wrong === 0 ? members : [], (m) => {
        out.text(m.memberId).text(m.instanceId).text("sim").text("/sim");
        out.blob(settled ? m.metadata : NOTHING).blob(settled ? m.assignment : NOTHING);
      });
      out.i32(-1);
    })
    .done();
}

function listOffsets(k: Cluster, node: number, r: In): Buffer {
  r.i32();
  r.i8();
  const topics = r.list(() => ({
    topic: r.text() ?? "",
    items: r.list(() => {
      const partition = r.i32();
      r.i32();
      return { partition, time: r.i64() };
    }),
  }));
  const out = new Out().i32(0);
  return out
    .list(topics, ({ topic, items }) =>
      out.text(topic).list(items, ({ partition, time }) => {
        const found = k.topics.get(topic)?.partitions[partition];
        const error = found === undefined ? UNKNOWN_TOPIC : found.leader === node ? 0 : NOT_LEADER;
        const offset = found === undefined || error !== 0 ? -1 : bound(found.log, time);
        // Of the end a broker says its own epoch as the leader.
        const epoch = found === undefined || error !== 0 || time !== -1 ? -1 : found.log.epoch;
        out.i32(partition).i16(error).i64(-1).i64(offset).i32(epoch);
      }),
    )
    .done();
}

const bound = (log: { start: number; stable: number }, time: number): number =>
  time === -2 ? log.start : log.stable;

function epochEnd(k: Cluster, node: number, r: In): Buffer {
  r.i32();
  const topics = r.list(() => ({
    topic: r.text() ?? "",
    items: r.list(() => {
      const partition = r.i32();
      r.i32();
      return { partition, epoch: r.i32() };
    }),
  }));
  const out = new Out().i32(0);
  return out
    .list(topics, ({ topic, items }) =>
      out.text(topic).list(items, ({ partition, epoch }) => {
        const found = k.topics.get(topic)?.partitions[partition];
        const error = found === undefined ? UNKNOWN_TOPIC : found.leader === node ? 0 : NOT_LEADER;
        const known = found?.log.epochEnd(epoch) ?? { epoch: -1, end: -1 };
        out.i16(error).i32(partition).i32(known.epoch).i64(known.end);
      }),
    )
    .done();
}
