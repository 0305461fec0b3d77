import type { Dice } from "../core/random.ts";
import type { DaemonSettings, Scenario } from "../world/settings.ts";

/** After these a sink of files may lack what no plan names any more. */
const FORGETS = ["restore", "commits"];
/** What takes from Kafka, or from its log, what a file is to be made of again. */
const TAKES = ["compact", "retain", "truncate"];

export const hasRecordSinks = ({ sinks }: Pick<Scenario, "sinks">): boolean =>
  sinks.some((s) => s.form !== "files");

/** One of the sinks keeps records. */
export function withRecordSinks(s: Scenario, dice: Dice): Scenario {
  const { encrypted } = s.settings;
  const forgets = s.secondGroup || s.happenings.some((h) => FORGETS.includes(h.do));
  if ((encrypted && forgets) || !dice.chance(encrypted ? 0.5 : 0.2)) return s;
  const at = dice.int(0, s.sinks.length - 1);
  const form = at > 0 && dice.chance(0.5) ? "documents" : "ledger";
  const other = { form, createOnly: "atomic" } as const;
  const sinks = s.sinks.map((x, i) => ({ ...x, ...(i === at ? other : {}) }));
  if (encrypted) return recordsBesideEncrypted({ ...s, sinks });
  const restored = s.happenings.some((h) => h.do === "restore" && h.sink === 0);
  const files = sinks.filter((x) => x.form === "files").length;
  if (files === 0 || (at > 0 && (files > 1 || !restored))) return { ...s, sinks };
  // A file that only a sink of records knows is made of its lines, or else of what Kafka has: it has to have it.
  const ofLines = (d: DaemonSettings): boolean => d.format === "ndjson";
  const upgrades = s.happenings.flatMap((h) => (h.do === "upgrade" ? [h.to] : []));
  const lines = [s.settings, ...upgrades].every(ofLines);
  const takes = lines ? ["truncate"] : TAKES;
  return { ...s, sinks, happenings: s.happenings.filter((h) => !takes.includes(h.do)) };
}

/**
 * The daemon cannot read what it encrypted, and makes such a file again by its plan only, of what Kafka has: there no
 * sink of files lacks one for longer than its plan is committed.
 */
export function recordsBesideEncrypted(s: Scenario): Scenario {
  const sinks = s.sinks.map((x) => ({ ...x, detachMs: null }));
  const left = s.happenings.filter((h) => !FORGETS.includes(h.do) && !TAKES.includes(h.do));
  return { ...s, sinks, happenings: left };
}
