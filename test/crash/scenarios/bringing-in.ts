import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { auditTopic } from "../../audit/audit-topic.ts";
import { sharedKafka } from "../../kafka/live-kafka.ts";
import { differences } from "../../matrix/same-files.ts";
import type { Life } from "../life.ts";
import { runCommand } from "../run-command.ts";
import type { Ran, Scenario } from "../scenario.ts";
import { dismiss } from "./dead-members.ts";
import type { TwoFolders } from "./two-folders.ts";

const LOOK_MS = 50;

/** Archives the same topic under another group, into folders of its own. */
class Fresh {
  readonly two: TwoFolders;
  readonly config: string;
  readonly group: string;
  readonly folders: readonly string[];

  constructor(two: TwoFolders, word: string, extra: string) {
    this.two = two;
    this.group = `${two.archive.name}-${word}`;
    const sinks = [`${word}-files`, `${word}-copy`];
    this.folders = sinks.map((sink) => join(two.archive.dir, sink));
    const at = { group: this.group, sinks, age: "200ms", extra };
    this.config = two.archive.written(`${word}.yaml`, at);
  }

  async archived(): Promise<boolean> {
    const { topic } = this.two.archive;
    const [end, committed] = [await topic.ends(), await topic.committed(this.group)];
    return end.every((e, i) => (committed[i] ?? -1n) >= e);
  }

  async judged(): Promise<readonly string[]> {
    const { archive, a } = this.two;
    const [archiveDir = ""] = this.folders;
    const at = { bootstrap: sharedKafka(), topic: archive.name, archiveDir, identity: a.file };
    const { problems, lost, duplicated, different } = await auditTopic(at);
    const counts = lost + duplicated + different > 0 ? ["records are lost or wrong"] : [];
    const short = (await this.archived()) ? [] : ["not everything is committed"];
    return [...problems, ...counts, ...short, ...differences(this.folders)];
  }
}

interface Bringing {
  readonly name: string;
  readonly word: string;
  /** Lines of the configuration. */
  readonly extra?: (two: TwoFolders) => string;
  readonly run: (life: Life, fresh: Fresh) => Promise<Ran>;
}

const bringing = ({ name, word, extra, run }: Bringing): Scenario => ({
  name,
  open: async (world) => {
    const two = await world.folders();
    let [times, fresh] = [0, new Fresh(two, `${word}0`, extra?.(two) ?? "")];
    return {
      reset: () => {
        times += 1;
        fresh = new Fresh(two, `${word}${times}`, extra?.(two) ?? "");
        return Promise.resolve();
      },
      run: (life) => run(life, fresh),
      mourn: () => dismiss(fresh.group),
      judge: () => fresh.judged(),
    };
  },
});

/** Until everything is archived, then SIGTERM. */
async function daemon(life: Life, fresh: Fresh): Promise<Ran> {
  const stop = new AbortController();
  let over = false;
  const watching = (async () => {
    while (!over && !(await fresh.archived())) await sleep(LOOK_MS);
    stop.abort(new Error("interrupted by SIGTERM"));
  })();
  const ran = await runCommand(life, ["run", "--config", fresh.config], stop.signal);
  over = true;
  await watching;
  return ran;
}

/** What archives. The steps of the protocol are the simulation's; these are the real Kafka and folders around them. */
export const BRINGING_IN: readonly Scenario[] = [
  bringing({
    name: "import",
    word: "import",
    run: (life, { config }) => runCommand(life, ["import", "--config", config]),
  }),
  bringing({ name: "run until it is told to stop", word: "run", run: daemon }),
];
