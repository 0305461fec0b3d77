import { setTimeout as sleep } from "node:timers/promises";
import {
  decodeRequests,
  type OperatorRequest,
  requestGroup,
} from "../../src/core/operator-requests.ts";
import { readCommittedOffsets } from "../../src/kafka/offset-commits.ts";
import { connected, never } from "../kafka/live-kafka.ts";
import { start } from "../operate/cli-process.ts";
import type { Lanes } from "./lanes.ts";

const MS = 30_000;

/** A command asks the owner of partitions, who is frozen, and dies before there is an answer. */
export async function killedUnanswered(
  { daemon, config }: Lanes,
  at: { readonly bootstrap: string; readonly group: string; readonly asks: OperatorRequest["do"] },
  argv: readonly string[],
): Promise<void> {
  const client = await connected(at.bootstrap);
  daemon.signal("SIGSTOP");
  await daemon.stopped(MS);
  const running = start([...argv, "--config", config]);
  try {
    const until = Date.now() + MS;
    while (!(await asked(client, at)))
      if (Date.now() > until) throw new Error(`${argv.join(" ")} asked nothing`);
      else await sleep(50);
  } finally {
    running.child.kill("SIGKILL");
    daemon.signal("SIGCONT");
    await client.close();
  }
  const { signal, stdout, stderr } = await running.ended;
  if (signal !== "SIGKILL" || stdout !== "") throw new Error(`it had ended: ${stdout}${stderr}`);
}

async function asked(
  client: Awaited<ReturnType<typeof connected>>,
  { group, asks }: { readonly group: string; readonly asks: OperatorRequest["do"] },
): Promise<boolean> {
  const found = await readCommittedOffsets(client, requestGroup(group), null, never);
  return found.some(({ metadata }) => {
    const requests = decodeRequests(metadata);
    return !("invalid" in requests) && requests.some((r) => r.do === asks);
  });
}
