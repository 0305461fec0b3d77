import type { Command } from "./command.ts";
import { checkSink, SINK_ORDER_OPTIONS } from "./detach.ts";
import { giveOrders } from "./orders/give-orders.ts";

export const attachCommand: Command = {
  name: "attach",
  summary: "take a `detach` back",
  details:
    "The sink is filled from the primary, in order, in the background; when it has everything it counts again. `status` shows how far behind it is.",
  options: SINK_ORDER_OPTIONS,
  examples: ["bulk-archiver attach --sink lake --topic logs"],
  schema: "orders.schema.json",
  run: (args, context) => {
    const sink = args.text("sink") ?? "";
    return giveOrders(
      {
        command: "attach",
        check: checkSink(sink),
        ends: (r) => r.do === "detach" && r.sink === sink,
        asks: { do: "attach", sink },
        stands: false,
        otherwise: () => "the next daemon fills it",
      },
      args,
      context,
    );
  },
};
