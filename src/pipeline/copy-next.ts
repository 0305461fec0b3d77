import { descriptionOf, macOk } from "../core/manifest.ts";
import { batchId } from "../core/scope.ts";
import type { Published } from "../sdk/sink.ts";
import { SinkConflict } from "./alarm.ts";
import { isSameAmended, passAmendments } from "./amended.ts";
import { sinkAt } from "./deliver-batch.ts";
import type { NamedSink, TaskPorts } from "./ports.ts";
import { described, stored } from "./take.ts";

/**
 * The primary's batch that begins at `at`, into another sink; its end, or null while there is none. Creates only
 * what the primary has whole, so it can be done by anybody, at any time and twice.
 */
export async function copyNext(
  task: TaskPorts,
  named: NamedSink,
  sink: number,
  at: bigint,
  signal: AbortSignal,
): Promise<bigint | null> {
  const primary = sinkAt(task, 0);
  const manifest = await primary.sink.floor(task.scope, at, signal);
  if (manifest === undefined || manifest.end <= at) return null;
  if (manifest.start !== at) {
    const text = `sink ${named.name} ends at ${at}, inside the primary's batch ${batchId(manifest)}`;
    throw new SinkConflict("sink-conflict", named, text);
  }
  const macKey = task.judge.macKeyOf(manifest);
  if (macKey !== null && !macOk(manifest, macKey)) {
    const text = `sink ${primary.name}, batch ${batchId(manifest)}: its manifest is not signed by this seed`;
    throw new SinkConflict("primary-invalid", primary, text);
  }
  return task.copyTurn(sink, async () => {
    const { size } = manifest.seal;
    task.budget.force(size);
    try {
      // As it is stored now: an encrypted file may have been rewrapped since.
      const now = await described(task, primary, at, signal);
      const batch = await stored(task, primary, now ?? descriptionOf(manifest), null, signal);
      const published = await named.sink.publish(batch, signal);
      const isSame =
        published.outcome === "different" &&
        (await isSameAmended(primary, batch.description, published.state, signal));
      if (!isSame) refuseOther(named, batchId(manifest), published);
      const isAmended = batch.description.seal.digest !== manifest.seal.digest;
      if (isAmended) await passAmendments(primary, named, manifest, signal);
      refuseOther(named, batchId(manifest), await named.sink.describe(manifest, signal));
      const { branch } = task.scope;
      task.emit({ what: "caught-up", sink: named.name, branch, start: at, end: manifest.end });
      return manifest.end;
    } finally {
      task.budget.release(size);
    }
  });
}

function refuseOther(named: NamedSink, id: string, published: Published): void {
  if (published.outcome !== "different") return;
  const text = `sink ${named.name} holds another batch ${id} than the primary (${published.state.is})`;
  throw new SinkConflict("sink-conflict", named, text);
}
