import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerDesk } from "./servers/server-desk.ts";
import { DESK, type SharedServers } from "./servers/shared-servers.ts";

/**
 * The servers of a run. Kafka is there from the beginning: tests find it in TEST_KAFKA, its tools' class
 * path in TEST_KAFKA_CP; one that is named there already is used as it is. The others are started when
 * the first test asks for them (`sharedServer`).
 */
export default async function setup(): Promise<() => Promise<void>> {
  // Tests start some thousand processes; compiling the same sources is half of what they cost.
  process.env["NODE_COMPILE_CACHE"] ??= join(tmpdir(), "node-compile-cache");
  const desk = await ServerDesk.open();
  process.env[DESK] = desk.url;
  if (process.env["TEST_KAFKA"] === undefined || process.env["TEST_KAFKA_CP"] === undefined) {
    const { bootstrap, classPath } = JSON.parse(
      await desk.address("kafka"),
    ) as SharedServers["kafka"];
    process.env["TEST_KAFKA"] = bootstrap;
    process.env["TEST_KAFKA_CP"] = classPath;
  }
  return () => desk.close();
}
