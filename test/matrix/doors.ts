import { FaultProxy } from "../servers/fault-proxy.ts";
import { type KafkaOptions, KafkaServer } from "../servers/kafka.ts";

/** A way to Kafka through networks that fail, one for each broker. Who comes by another door is not hit. */
export interface Door {
  readonly bootstrap: string;
  /** In the order of the brokers. */
  readonly networks: readonly FaultProxy[];
}

/** A Kafka with so many doors beside its plain listener. `close` ends what is in the doors, not Kafka. */
export async function kafkaBehindDoors(
  count: number,
  o: KafkaOptions,
): Promise<{ kafka: KafkaServer; doors: readonly Door[]; close: () => Promise<void> }> {
  const nodes = o.nodes ?? 1;
  // A broker says to clients where it is, so what is in front of it is there before it.
  const made = await Promise.all(
    Array.from({ length: count }, () =>
      Promise.all(
        Array.from({ length: nodes }, async () => {
          const target = { host: "127.0.0.1", port: 0 };
          return { target, network: await FaultProxy.open(target) };
        }),
      ),
    ),
  );
  const told = made.map((door) => door.map(({ network }) => network.port));
  const kafka = await KafkaServer.start({ ...o, doors: told });
  for (const [d, door] of made.entries()) {
    for (const [i, port] of kafka.behind(d).entries()) {
      const at = door[i];
      if (at !== undefined) at.target.port = port;
    }
  }
  const doors = made.map((door) => ({
    bootstrap: door.map(({ network }) => `127.0.0.1:${network.port}`).join(),
    networks: door.map(({ network }) => network),
  }));
  const close = async (): Promise<void> => {
    await Promise.all(doors.flatMap(({ networks }) => networks.map((n) => n.close())));
  };
  return { kafka, doors, close };
}

export function heal({ networks }: Door): void {
  for (const network of networks) {
    network.heal();
    network.resetAll();
  }
}
