import { withAdmin } from "../../kafka/live-kafka.ts";

/** What lies beside an offset of the topic's first partition in this group; undefined: nothing. */
export async function noteIn(groupId: string, topic: string): Promise<unknown> {
  const [found] = await withAdmin((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
  const line = found?.partitions[0]?.metadata ?? "";
  // A word that says whose it is, a checksum, JSON.
  return line === "" ? undefined : JSON.parse(line.replace(/^\S+ \S+ /, ""));
}
