import type { AuditRecord } from "../../audit/audit-record.ts";
import { auditRecords } from "../../audit/audit-topic.ts";
import { readTopic } from "../../audit/topic-side.ts";
import type { Stage } from "../stage.ts";

/** Every record that the topic has now, for a comparison when Kafka has it no longer. */
export async function topicNow(s: Stage): Promise<readonly AuditRecord[]> {
  const records: AuditRecord[] = [];
  const { bootstrap } = s.kafka;
  for await (const record of readTopic({ bootstrap, topic: s.topic })) records.push(record);
  return records;
}

async function* given(records: readonly AuditRecord[]): AsyncGenerator<AuditRecord> {
  yield* records;
}

/**
 * The auditor's own reading of a folder has all of these, once and equal.
 * @param o `topicId`, `branch`: only that one; `others`: the folder may have more than these
 */
export async function stillArchived(
  s: Stage,
  folder: string,
  records: readonly AuditRecord[],
  o: { readonly topicId?: string; readonly branch?: number; readonly others?: boolean } = {},
): Promise<void> {
  const found = await auditRecords(
    {
      ...{ archiveDir: s.path(folder), topic: s.topic, identity: s.identity },
      ...(o.topicId === undefined ? {} : { topicId: o.topicId }),
      ...(o.branch === undefined ? {} : { branch: o.branch }),
      ...(o.others === true ? { vanishedAllowed: true } : {}),
    },
    given(records),
  );
  const { lost, duplicated, different, problems } = found;
  const extra = o.others === true ? 0 : found.extra;
  const where = o.branch === undefined ? folder : `${folder}, branch ${o.branch}`;
  const good = records.length > 0 && lost + duplicated + different + extra === 0;
  if (good && problems.length === 0)
    s.reported.push(`${where}: ${records.length} records that Kafka had, each once and equal`);
  else
    s.wrong.push(
      `${where}: of ${records.length} lost ${lost}, duplicated ${duplicated}, different ${different}, extra ${extra}; ${problems.slice(0, 3).join("; ")}`,
    );
}
