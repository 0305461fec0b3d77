import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BulkReceiver } from "../../src/kafka/client/bulk-receiver.ts";
import type { RawConnection } from "../../src/kafka/client/internals.ts";

/** Answers of any size, cut anywhere by the network, come out whole and in order. */
const server = createServer();
let port = 0;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});
afterAll(() => void server.close());

const framed = (size: number, fill: number): Buffer => {
  const frame = Buffer.alloc(4 + size, fill);
  frame.writeInt32BE(size, 0);
  return frame;
};

interface Received {
  readonly receiver: BulkReceiver;
  readonly client: Socket;
  readonly peer: Socket;
  readonly frames: Buffer[];
}

async function connected(keep: (frame: Buffer) => Buffer): Promise<Received> {
  const receiver = new BulkReceiver();
  const frames: Buffer[] = [];
  const connection = {
    chunks: [Buffer.alloc(0)],
    bytesBuffered: 0,
    processData(frame: Buffer): void {
      expect(this.chunks).toEqual([]);
      frames.push(keep(frame));
      this.chunks = [Buffer.alloc(0)];
    },
  };
  receiver.attach(connection as unknown as RawConnection);
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const client = receiver.socketFactory({ host: "127.0.0.1", port, onConnect: () => undefined });
  client.on("error", () => undefined);
  const [peer] = await accepted;
  peer.setNoDelay(true);
  return { receiver, client, peer, frames };
}

const until = async (holds: () => boolean): Promise<void> => {
  for (let i = 0; i < 2_000 && !holds(); i += 1) await new Promise((r) => setTimeout(r, 1));
  expect(holds()).toBe(true);
};

test("answers come out as they were sent, wherever the stream was cut", async () => {
  const sizes = fc.oneof(fc.nat(300), fc.integer({ min: 65_000, max: 66_000 }), fc.nat(400_000));
  await fc.assert(
    fc.asyncProperty(
      fc.array(sizes, { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 8 }),
      async (lengths, cuts) => {
        const sent = lengths.map((n, i) => framed(n, i + 1));
        const { client, peer, frames, receiver } = await connected((f) => {
          const copy = Buffer.from(f);
          receiver.reuse();
          return copy;
        });
        const all = Buffer.concat(sent);
        for (let at = 0, i = 0; at < all.length; i += 1) {
          const n = cuts[i % cuts.length] ?? 1;
          peer.write(all.subarray(at, at + n));
          at += n;
          await new Promise((r) => setImmediate(r));
        }
        await until(() => frames.length === sent.length);
        expect(frames.every((f, i) => f.equals(sent[i] as Buffer))).toBe(true);
        client.destroy();
        peer.destroy();
      },
    ),
    { numRuns: 25 },
  );
});

test("an answer keeps its memory until it is given back, then the memory is used again", async () => {
  const { client, peer, frames, receiver } = await connected((f) => f);
  const size = 300_000;
  for (const fill of [1, 2]) {
    peer.write(framed(size, fill));
    await until(() => frames.length === fill);
  }
  expect(frames[0]?.equals(framed(size, 1))).toBe(true);
  expect(frames[1]?.buffer).not.toBe(frames[0]?.buffer);
  receiver.reuse();
  peer.write(framed(size, 3));
  await until(() => frames.length === 3);
  expect(frames[2]?.buffer).toBe(frames[0]?.buffer);
  client.destroy();
  peer.destroy();
});

test("a size that no broker sends ends the connection", async () => {
  const { client, peer, frames } = await connected((f) => f);
  const why: Error[] = [];
  client.on("error", (error) => why.push(error));
  const closed = new Promise((resolve) => client.once("close", resolve));
  peer.write(Buffer.from([0xff, 0xff, 0xff, 0x00, 1, 2, 3]));
  await closed;
  expect(why.map((e) => e.message)).toEqual(["an answer of -252 bytes"]);
  expect(frames).toEqual([]);
  peer.destroy();
});
