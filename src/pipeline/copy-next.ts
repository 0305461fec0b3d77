import type { Description, Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { descriptionOf, macOk } from "../core/manifest.ts";
import { batchId } from "../core/scope.ts";
import type { Published } from "../sdk/sink.ts";
import { SinkConflict } from "./alarm.ts";
import { holdsFiles, isSameAmended } from "./amended.ts";
import { passAlong, sinkAt } from "./deliver-batch.ts";
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
      const now = await kept(task, named, manifest, signal);
      const batch = await stored(task, primary, now ?? descriptionOf(manifest), null, signal);
      // A sink of records keeps what the manifest says of the file.
      const published = await named.sink.publish(
        holdsFiles(named) ? batch : { ...batch, description: descriptionOf(manifest) },
        signal,
      );
      const isSame =
        published.outcome === "different" &&
        (await isSameAmended(task.sinks, batch.description, published.state, signal));
      if (!isSame) refuseOther(named, batchId(manifest), published);
      await passAlong(task, named, batch, manifest, signal);
      refuseOther(named, batchId(manifest), await named.sink.describe(manifest, signal));
      const { branch } = task.scope;
      task.emit({ what: "caught-up", sink: named.name, branch, start: at, end: manifest.end });
      return manifest.end;
    } finally {
      task.budget.release(size);
    }
  });
}

/** As the primary has it; where its data has expired there is nothing to fill the other sink with. */
async function kept(
  task: TaskPorts,
  named: NamedSink,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<Description | undefined> {
  const primary = sinkAt(task, 0);
  const state = await primary.sink.stat(manifest, "cheap", signal);
  const gone = state.is === "damaged" && state.withoutData !== undefined;
  if (!gone || !task.judge.expired(state.withoutData))
    return described(task, primary, manifest.start, signal);
  const { topic, partition } = manifest;
  const text =
    `sink ${named.name} lacks batch ${batchId(manifest)}, whose data has expired in ${primary.name}: its partition cannot be ` +
    `filled in order. Remove what ${named.name} has of ${topic}/${partition}, data and manifests, while no daemon runs: it ` +
    `then begins with the first batch that is kept. To go on without it meanwhile: \`detach --sink ${named.name}\``;
  throw new ArchiverError("data-expired", text);
}

function refuseOther(named: NamedSink, id: string, published: Published): void {
  if (published.outcome !== "different") return;
  const text = `sink ${named.name} holds another batch ${id} than the primary (${published.state.is})`;
  throw new SinkConflict("sink-conflict", named, text);
}
