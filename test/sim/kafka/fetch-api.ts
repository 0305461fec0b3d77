import type { Cluster, Partition } from "./cluster.ts";
import { In, Out } from "./wire.ts";

const OUT_OF_RANGE = 1;
const UNKNOWN_TOPIC = 3;
const NOT_LEADER = 6;
const FENCED_EPOCH = 74;
const UNKNOWN_EPOCH = 75;
const UNKNOWN_TOPIC_ID = 100;
/** An idle fetch is held back longer than asked: a broker may be slow, and fewer events is a faster run. */
const HELD_MS = 2_500;

interface Want {
  readonly id: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly offset: number;
  readonly lastEpoch: number;
  readonly maxBytes: number;
}

/** Fetch v13, read_committed: whole record batches, and which transactions in them were aborted. */
export function fetch(k: Cluster, node: number, r: In): Buffer | Promise<Buffer> {
  const wants = read(r);
  const ready = (): boolean => wants.some((w) => hasNews(k, node, w));
  if (ready()) return write(k, node, wants);
  return new Promise((resolve) => {
    k.wait(HELD_MS, (late) => {
      if (!late && !ready()) return false;
      resolve(write(k, node, wants));
      return true;
    });
  });
}

function read(r: In): Want[] {
  r.i8();
  for (const skip of ["replica", "wait", "least", "most"]) if (skip !== "") r.i32();
  r.i8();
  r.i32();
  r.i32();
  return r
    .shortList(() => {
      const id = r.raw(16).toString("base64url");
      const partitions = r.shortList((): Want => {
        const [partition, leaderEpoch, offset] = [r.i32(), r.i32(), r.i64()];
        const lastEpoch = r.i32();
        r.i64();
        const maxBytes = r.i32();
        r.i8();
        return { id, partition, leaderEpoch, offset, lastEpoch, maxBytes };
      });
      r.i8();
      return partitions;
    })
    .flat();
}

const topicOf = (k: Cluster, id: string) => [...k.topics.values()].find((t) => t.id === id);

function refusal(node: number, w: Want, found: Partition | undefined, known: boolean): number {
  if (!known) return UNKNOWN_TOPIC_ID;
  if (found === undefined) return UNKNOWN_TOPIC;
  if (found.leader !== node) return NOT_LEADER;
  const { log } = found;
  if (w.leaderEpoch >= 0 && w.leaderEpoch < log.epoch) return FENCED_EPOCH;
  if (w.leaderEpoch > log.epoch) return UNKNOWN_EPOCH;
  return diverges(w, found) === null && (w.offset < log.start || w.offset > log.end)
    ? OUT_OF_RANGE
    : 0;
}

/** Where the log and what was read before part, if they do (KIP-595). */
function diverges(w: Want, { log }: Partition): { epoch: number; end: number } | null {
  if (w.lastEpoch < 0) return null;
  const at = log.epochEnd(w.lastEpoch);
  return at.epoch < w.lastEpoch || at.end < w.offset ? at : null;
}

function hasNews(k: Cluster, node: number, w: Want): boolean {
  const topic = topicOf(k, w.id);
  const found = topic?.partitions[w.partition];
  if (refusal(node, w, found, topic !== undefined) !== 0 || found === undefined) return true;
  return diverges(w, found) !== null || found.log.stable > w.offset;
}

function write(k: Cluster, node: number, wants: readonly Want[]): Buffer {
  const out = new Out().i8(0).i32(0).i16(0).i32(0);
  const ids = [...new Set(wants.map((w) => w.id))];
  return out
    .shortList(ids, (id) => {
      out.raw(Buffer.from(id, "base64url"));
      out.shortList(
        wants.filter((w) => w.id === id),
        (w) => partition(k, node, w, out),
      );
      out.i8(0);
    })
    .i8(0)
    .done();
}

function partition(k: Cluster, node: number, w: Want, out: Out): void {
  const topic = topicOf(k, w.id);
  const found = topic?.partitions[w.partition];
  const error = refusal(node, w, found, topic !== undefined);
  out.i32(w.partition).i16(error);
  if (error !== 0 || found === undefined) {
    out
      .i64(-1)
      .i64(-1)
      .i64(-1)
      .shortList([], () => undefined);
    out.i32(-1).shortBlob(Buffer.alloc(0)).i8(0);
    return;
  }
  const { log } = found;
  const parted = diverges(w, found);
  const { bytes, last } =
    parted === null ? log.read(w.offset, w.maxBytes) : { bytes: Buffer.alloc(0), last: w.offset };
  out.i64(log.end).i64(log.stable).i64(log.start);
  out.shortList(bytes.length === 0 ? [] : log.aborted(w.offset, last), (t) =>
    out.i64(t.producer).i64(t.first).i8(0),
  );
  out.i32(-1).shortBlob(bytes);
  if (parted === null) out.i8(0);
  else {
    const where = new Out().i32(parted.epoch).i64(parted.end).i8(0).done();
    out.uvarint(1).uvarint(0).uvarint(where.length).raw(where);
  }
}
