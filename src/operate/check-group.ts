import { decodePlans } from "../core/plan-codec.ts";
import type { Plan } from "../core/plan.ts";
import { type Found, warning } from "./check-report.ts";
import type { PipelineView } from "./kafka-view.ts";

/**
 * Whether the group's daemons write what this configuration says: told from the batches that are planned now,
 * so of a group that is at rest nothing is told.
 */
export async function checkGroup(view: PipelineView): Promise<Found[]> {
  const { group, format, encryption } = view.pipeline;
  const committed = [...(await view.committed()).values()];
  const planned = committed.flatMap(({ topic, partition, metadata }) => {
    const said = decodePlans(metadata);
    return "invalid" in said ? [] : said.plans.map((plan) => ({ plan, topic, partition }));
  });
  const where = (wrong: (plan: Plan) => boolean): string | undefined => {
    const first = planned.find(({ plan }) => wrong(plan));
    return first && `${first.topic}/${first.partition} from offset ${first.plan.start} on`;
  };
  const told = (code: string, what: string, at: string | undefined): Found[] => {
    if (at === undefined) return [];
    const text = `${what}: ${at}. Another daemon of the group is configured otherwise, or was when it planned them; give all of them one configuration`;
    return [warning(`group ${group}`, code, text)];
  };
  const other = format === "segment" ? "ndjson" : "segment";
  return [
    ...told(
      "other-format",
      `the group has planned batches as ${other}, this configuration says ${format}`,
      where((plan) => plan.format !== format),
    ),
    ...told(
      "other-encryption",
      encryption === null
        ? "the group has planned encrypted batches, this configuration encrypts none"
        : "the group has planned batches in the clear, this configuration encrypts them",
      where((plan) => (plan.keyId === null) !== (encryption === null)),
    ),
  ];
}
