import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configDir } from "../../config/load.ts";
import { auditTopic } from "../../audit/audit-topic.ts";
import { sharedKafka } from "../../kafka/live-kafka.ts";
import { type AgeKey, ageKey, encryptionIn } from "../../operate/age-keys.ts";
import { contentOf, quarantined } from "../../operate/archive-damage.ts";
import { LiveArchive } from "../../operate/live-archive.ts";

const DAY_MS = 86_400_000;
const SINKS = ["files", "copy"] as const;
type Folder = (typeof SINKS)[number];

/** A small archive in two folders, encrypted, that no daemon is at work on. */
export class TwoFolders {
  readonly archive: LiveArchive;
  readonly a: AgeKey;
  readonly b: AgeKey;
  /** With `retention: 2d`. */
  readonly expiring: string;

  private constructor(archive: LiveArchive, keys: readonly [AgeKey, AgeKey]) {
    this.archive = archive;
    [this.a, this.b] = keys;
    const both = keys.map(({ file }) => readFileSync(file, "utf8")).join("");
    writeFileSync(join(archive.dir, "both"), both);
    this.expiring = archive.written("expiring.yaml", { extra: "retention: 2d" });
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
    return new TwoFolders(archive, keys);
  }

  /** An identity file of either. */
  get both(): string {
    return join(this.archive.dir, "both");
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
  filesOf(sink: Folder): readonly string[] {
    return [...contentOf(this.archive.folder(sink))].map((entry) => entry.join(" "));
  }

  /** Everything that either sink has, and what waits in quarantine, without the inode and time in its name. */
  content(): readonly string[] {
    return SINKS.flatMap((sink) => {
      const folder = this.archive.folder(sink);
      const aside = quarantined(folder).map((path) => path.slice(folder.length));
      const names = aside.map(
        (name) => `${name.replace(/\.\d+-\d+-\d+(\.kept)?$/, "$1")} is set aside`,
      );
      return [...this.filesOf(sink), ...names].map((text) => `${sink}${text}`).sort();
    });
  }

  /** Every record once, as kcat and the age tool see it. */
  async audited(key: AgeKey, folders: readonly string[] = SINKS): Promise<readonly string[]> {
    const { name: topic } = this.archive;
    const wrong: string[] = [];
    for (const sink of folders) {
      const archiveDir = this.archive.folder(sink);
      const at = { bootstrap: sharedKafka(), topic, archiveDir, identity: key.file };
      const { problems, lost, duplicated, different } = await auditTopic(at);
      wrong.push(...problems.map((text) => `${sink}: ${text}`));
      if (lost + duplicated + different > 0) wrong.push(`${sink}: records are lost or wrong`);
    }
    return wrong;
  }

  /** The same, and both folders have the same files. */
  async same(key: AgeKey): Promise<readonly string[]> {
    const same = this.filesOf("files").join() === this.filesOf("copy").join();
    return [...(same ? [] : ["the folders do not have the same"]), ...(await this.audited(key))];
  }

  close(): Promise<void> {
    return this.archive.close();
  }
}
