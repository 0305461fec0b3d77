import { small } from "../run/base.ts";
import { type Case, produce } from "./case.ts";

const ENCRYPTED = { format: "segment", codec: "none", level: 3, encrypted: true } as const;

/** Commands of operators beside daemons. */
export const OPERATORS: readonly Case[] = [
  [
    "an archive is rewrapped while a sink has a batch without its manifest",
    small(
      [
        produce(100),
        {
          ...{ at: 100, do: "crash", daemon: 0, port: "ceph create manifests", nth: 1 },
          side: "before",
        },
        // No daemon runs until after the rewrap.
        { at: 1_200, do: "commits", p: 0, what: "wipe" },
        { at: 1_300, do: "operate", what: "rewrap", to: [1], crashes: [] },
        produce(15_000),
      ],
      { settings: ENCRYPTED },
    ),
    "it has no manifest",
  ],
];
