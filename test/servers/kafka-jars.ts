import { mavenJars } from "./maven-jars.ts";

export const KAFKA_VERSION = "4.1.0";

/** The class path of Kafka's jars, downloaded once by Maven. */
export async function kafkaClassPath(say?: (text: string) => void): Promise<string> {
  return `${await mavenJars("kafka", KAFKA_VERSION, say)}/*`;
}
