import type { PipelineConfig } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Command, CommandOption } from "./command.ts";
import { giveOrders } from "./orders/give-orders.ts";
import { ORDER_OPTIONS } from "./pause.ts";

export const SINK_ORDER_OPTIONS: readonly CommandOption[] = [
  { flags: "--sink <name>", text: "the sink", required: true },
  ...ORDER_OPTIONS,
];

/** @throws ArchiverError usage */
export const checkSink =
  (name: string) =>
  ({ sinks }: PipelineConfig): void => {
    const names = sinks.map((s) => s.name);
    if (names.includes(name)) return;
    const text = `--sink ${name}: the pipeline has ${names.join(", ")}`;
    throw new ArchiverError("usage", text);
  };

export const detachCommand: Command = {
  name: "detach",
  summary: "go on without a sink until `attach`",
  details:
    "The other sinks get every batch and the offset is committed without this one; the commit says so. The primary is never detached. It is neither waited for nor filled until `attach`.",
  options: SINK_ORDER_OPTIONS,
  examples: ["bulk-archiver detach --sink lake --topic logs"],
  schema: "orders.schema.json",
  run: (args, context) => {
    const sink = args.text("sink") ?? "";
    return giveOrders(
      {
        command: "detach",
        check: checkSink(sink),
        ends: () => false,
        asks: { do: "detach", sink },
        stands: true,
        otherwise: () => "",
      },
      args,
      context,
    );
  },
};
