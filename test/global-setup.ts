import type { TestProject } from "vitest/node";
import { KafkaServer } from "./servers/kafka.ts";

/** One Kafka for the whole run; tests find it in TEST_KAFKA, its tools' class path in TEST_KAFKA_CP. */
export default async function setup(_project: TestProject): Promise<() => Promise<void>> {
  const server = await KafkaServer.start();
  process.env["TEST_KAFKA"] = server.bootstrap;
  process.env["TEST_KAFKA_CP"] = server.classPath;
  return () => server.stop();
}
