import { groupsAreReady } from "../kafka/live-kafka.ts";
import type { KafkaOptions } from "../servers/kafka.ts";
import { kafkaBehindDoors } from "./doors.ts";
import { Stage } from "./stage.ts";

/** Plays on a Kafka of its own, with one door: what is done to the brokers is done to nobody else. */
export async function apart(
  outer: Stage,
  options: KafkaOptions,
  play: (s: Stage) => Promise<void>,
  partitions = 3,
): Promise<void> {
  const { kafka, doors, close } = await kafkaBehindDoors(1, { heap: "320m", ...options });
  try {
    await groupsAreReady(kafka.bootstrap);
    const s = await Stage.open(outer.name, outer.path("apart"), kafka, partitions, { doors });
    try {
      await play(s);
    } finally {
      outer.injected.push(...s.injected);
      outer.reported.push(...s.reported);
      outer.wrong.push(...s.wrong);
      await s.close();
    }
  } finally {
    await Promise.all([close(), kafka.stop()]);
  }
}
