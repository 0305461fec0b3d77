import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requestGroup } from "../../../src/core/operator-requests.ts";
import { describeGroup } from "../../../src/kafka/requests/describe-groups.ts";
import { leaveGroup } from "../../../src/kafka/requests/group.ts";
import type { KafkaClient } from "../../../src/kafka/client/kafka-client.ts";
import { auditTopic } from "../../audit/audit-topic.ts";
import { configDir } from "../../config/load.ts";
import { connected, never, sharedKafka } from "../../kafka/live-kafka.ts";
import { type AgeKey, ageKey, encryptionIn } from "../../operate/age-keys.ts";
import { contentOf, quarantined } from "../../operate/archive-damage.ts";
import { LiveArchive } from "../../operate/live-archive.ts";
import { runCommand } from "../run-command.ts";
import type { Scenario, Scene } from "../scenario.ts";

const DAY_MS = 86_400_000;
const SINKS = ["files", "copy"] as const;

/** A small archive in two folders, encrypted, that no daemon is at work on. */
export class TwoFolders {
  readonly archive: LiveArchive;
  readonly a: AgeKey;
  readonly b: AgeKey;
  /** Of either. */
  readonly both: string;
  readonly #client: KafkaClient;

  private constructor(archive: LiveArchive, keys: readonly [AgeKey, AgeKey], client: KafkaClient) {
    this.archive = archive;
    [this.a, this.b] = keys;
    this.both = join(archive.dir, "both");
    this.#client = client;
    writeFileSync(this.both, keys.map(({ file }) => readFileSync(file, "utf8")).join(""));
    for (const sink of SINKS)
      cpSync(archive.folder(sink), join(archive.dir, "before", sink), { recursive: true });
  }

  /** Its records but the last are five days old. */
  static async open(): Promise<TwoFolders> {
    const dir = configDir();
    const keys = [ageKey(dir, "a"), ageKey(dir, "b")] as const;
    const given = { word: "crash", partitions: 1, rounds: 0, dir, batchBytes: "4KiB" };
    const archive = await LiveArchive.begin({ ...given, ...encryptionIn(dir, keys[0].recipient) });
    for (let i = 0; i < 3; i += 1) {
      await archive.topic.produce(30, Date.now() - 5 * DAY_MS);
      await archive.archived();
    }
    await archive.more(30);
    await archive.drain();
    return new TwoFolders(archive, keys, await connected());
  }

  /** What the daemon has written, and nothing else. */
  restore(): void {
    for (const sink of SINKS) {
      const folder = this.archive.folder(sink);
      rmSync(folder, { recursive: true, force: true });
      cpSync(join(this.archive.dir, "before", sink), folder, { recursive: true });
    }
  }

  /** What a sink has, file by file. */
  filesOf(sink: (typeof SINKS)[number]): readonly string[] {
    return [...contentOf(this.archive.folder(sink))].map((entry) => entry.join(" "));
  }

  /** Everything that either sink has, and what waits in quarantine, without the inode and time in its name. */
  content(): readonly string[] {
    return SINKS.flatMap((sink) => {
      const folder = this.archive.folder(sink);
      const aside = quarantined(folder).map((path) => path.slice(folder.length));
      const names = aside.map((name) => `${name.replace(/\.\d+-\d+-\d+$/, "")} is set aside`);
      return [...this.filesOf(sink), ...names].map((text) => `${sink}${text}`).sort();
    });
  }

  /** Members that are dead are in the way until their session is over. */
  async mourn(): Promise<void> {
    for (const group of [this.archive.name, requestGroup(this.archive.name)]) {
      const { members } = await this.#client.sendToCoordinator(group, describeGroup(group), never);
      for (const { memberId, instanceId } of members) {
        const request = leaveGroup({ group, memberId, instanceId });
        await this.#client.sendToCoordinator(group, request, never);
      }
    }
  }

  /** Every record once, as kcat and the age tool see it. */
  async audited(sink: (typeof SINKS)[number], { file }: AgeKey): Promise<readonly string[]> {
    const { name: topic } = this.archive;
    const archiveDir = this.archive.folder(sink);
    const at = { bootstrap: sharedKafka(), topic, archiveDir, identity: file };
    const { problems, lost, duplicated, different } = await auditTopic(at);
    const wrong = lost + duplicated + different > 0 ? ["the auditor counts otherwise"] : [];
    return [...problems, ...wrong].map((text) => `${sink}: ${text}`);
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.archive.close();
  }
}

export interface FolderCommand {
  readonly name: string;
  readonly argv: (two: TwoFolders) => readonly string[];
  /** What is done to the archive before. */
  readonly damage?: (two: TwoFolders) => void;
  /** Who opens the files afterwards. */
  readonly reader: (two: TwoFolders) => AgeKey;
}

/** A command on two folders, which afterwards have the same files, whoever died. */
export const onTwoFolders = (c: FolderCommand): Scenario => ({
  name: c.name,
  open: async (world): Promise<Scene> => {
    const two = await world.folders();
    const { archive } = two;
    const argv = (): readonly string[] => c.argv(two);
    const position = await archive.topic.committed(archive.name);
    let wanted: readonly string[] | undefined;
    return {
      argv,
      reset: () => {
        two.restore();
        c.damage?.(two);
        return Promise.resolve();
      },
      run: (life) => runCommand(life, argv()),
      mourn: () => two.mourn(),
      judge: async () => {
        const found = two.content();
        const moved = (await archive.topic.committed(archive.name)).join() !== position.join();
        const wrong = moved ? ["the daemon's position was moved"] : [];
        if (wanted !== undefined) return [...wrong, ...differences(wanted, found)];
        wanted = found;
        const same = two.filesOf("files").join() === two.filesOf("copy").join();
        const key = c.reader(two);
        return [
          ...wrong,
          ...(same ? [] : ["the folders do not have the same"]),
          ...(await two.audited("files", key)),
          ...(await two.audited("copy", key)),
        ];
      },
    };
  },
});

function differences(wanted: readonly string[], found: readonly string[]): readonly string[] {
  const lacks = wanted.filter((w) => !found.includes(w)).map((w) => `lacks ${w}`);
  const more = found.filter((f) => !wanted.includes(f)).map((f) => `has ${f}`);
  return [...lacks, ...more].slice(0, 6);
}
