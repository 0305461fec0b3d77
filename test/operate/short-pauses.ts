import { builtInSinks } from "../../sinks/index.ts";
import { loadConfig } from "../../src/config/load.ts";
import { scopeText } from "../../src/core/scope.ts";
import { nodeClock, nodeRandom } from "../../src/daemon/node-ports.ts";
import type { CommandContext } from "../../src/operate/command.ts";
import { type RepairContext, withRepair } from "../../src/operate/repair/context.ts";
import { reconcileScope } from "../../src/operate/repair/reconcile-scope.ts";
import { Remaker } from "../../src/operate/repair/remake.ts";
import { ScopeReplay } from "../../src/operate/repair/replay-scope.ts";
import { never } from "../kafka/live-kafka.ts";

export type Pausing = "reconcile" | "replay" | "rewrap";

/** What a command does, with pauses as short as one batch; `onPause` hears of each before it is asked for. */
export async function inShortPauses<T>(
  command: Pausing,
  file: string,
  onPause: () => void,
  work: (repair: RepairContext) => Promise<T>,
): Promise<T> {
  const config = await loadConfig(file, { env: {}, kinds: builtInSinks });
  const out = { note: () => undefined };
  const ports = { out, clock: nodeClock, random: nodeRandom, signal: never };
  const [pipeline] = config.pipelines;
  if (pipeline === undefined) throw new Error("no pipeline");
  const request = { command, config, pipeline, withKafka: true, dryRun: false };
  return withRepair(request, ports as unknown as CommandContext, (repair) => {
    const paused: RepairContext["paused"] = (scope, during) => {
      onPause();
      return repair.paused(scope, during);
    };
    return work({ ...repair, paused, pauseMs: 0 });
  });
}

/** What a process of it prints, for each partition: of either command, what both count. */
export interface Mended {
  readonly replaced: number;
  readonly problems: readonly unknown[];
}

/** Each partition in turn: what the second sink lacks or has wrong comes from the first. */
async function mended(command: Pausing, repair: RepairContext): Promise<readonly Mended[]> {
  const [source, target] = repair.sinks;
  const { kafka, identity } = repair;
  if (source === undefined || target === undefined || kafka === null) throw new Error("too little");
  const { archiveId } = identity;
  const remaker = new Remaker(repair, kafka, archiveId);
  const how = { repair: true, dryRun: false, identities: [], onDone: () => undefined };
  const found: Mended[] = [];
  try {
    for await (const scope of source.sink.scopes(never)) {
      const to = kafka.settled(scope);
      if (typeof to !== "bigint") throw new Error(`${scopeText(scope)} is not archived`);
      const targets = { targets: repair.sinks, archiveId, fresh: false, remaker, ...how };
      found.push(
        command === "replay"
          ? await new ScopeReplay(repair, targets, scope, { from: 0n, to }).run()
          : await reconcileScope(repair, { source, target, quick: false, ...how }, scope),
      );
    }
  } finally {
    await remaker.close();
  }
  return found;
}

/** As a process of its own, which can be killed: `node short-pauses.ts COMMAND CONFIGURATION`. */
if (import.meta.main) {
  const [command = "", file = ""] = process.argv.slice(2);
  let pauses = 0;
  const say = (): void => void process.stderr.write(`pause ${(pauses += 1)}\n`);
  const found = await inShortPauses(command as Pausing, file, say, (repair) =>
    mended(command as Pausing, repair),
  );
  const counted = found.map(({ replaced, problems }) => ({ replaced, problems: [...problems] }));
  process.stdout.write(
    JSON.stringify(counted, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    ),
  );
}
