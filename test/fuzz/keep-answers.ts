import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { askEverything } from "./ask-kafka.ts";

/**
 * Keeps what a real broker answers as the inputs that `npm run fuzz` begins with:
 *
 *     TEST_KAFKA=host:port node test/fuzz/keep-answers.ts
 */
const kept = (await askEverything()).map(({ name, bytes }) => ({
  name,
  bytes: bytes.toString("base64"),
}));
const path = fileURLToPath(new URL("../vectors/answers/kafka.json", import.meta.url));
writeFileSync(path, `${JSON.stringify(kept, undefined, 2)}\n`);
