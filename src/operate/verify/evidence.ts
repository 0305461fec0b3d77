import type { Evidence, VerifyReport, VerifyTotals } from "./report.ts";

/** What a report rests on, kind by kind; what was not used says what it would take. */
export function evidenceOf(
  r: Omit<VerifyReport, "evidence">,
  used: {
    readonly index: boolean;
    readonly seeds: boolean;
    readonly publicKeys: boolean;
    readonly heads: { readonly from: string; readonly signed: boolean } | undefined;
  },
): readonly Evidence[] {
  const { batches, macs, signatures, heads } = r.totals;
  const { across, againstKafka: kafka } = r;
  return [
    say("chain", true, `${batches} manifests, each held against the one before it`),
    indexEvidence(r.totals, used.index),
    used.seeds
      ? say("mac", macs > 0, `${macs} of ${batches} manifests were written by a holder of the seed`)
      : say("mac", false, "no seed is configured"),
    used.publicKeys
      ? say(
          "signature",
          signatures > 0,
          `${signatures} of ${batches} manifests are signed by a key that was given${unsigned(batches, signatures)}`,
        )
      : say("signature", false, "needs --public-key, or `signing` in the configuration"),
    used.heads === undefined
      ? say(
          "head",
          false,
          "needs --head; without it and Kafka, whole batches may have been removed from the end",
        )
      : say(
          "head",
          heads > 0,
          `${heads} heads of ${used.heads.from}, ${used.heads.signed ? "signed" : "their signatures not checked"}, were found in the chains`,
        ),
    across === undefined
      ? say("sinks", false, "needs --across-sinks")
      : say("sinks", true, `${across.batches} batches compared between ${across.sinks.join(", ")}`),
    kafka === undefined
      ? say("kafka", false, "needs --against-kafka")
      : say(
          "kafka",
          true,
          `${kafka.compared} records compared with the topics, ${kafka.heads} heads of chains with the group's commits`,
        ),
  ];
}

function indexEvidence({ fromIndex, inIndex }: VerifyTotals, asked: boolean): Evidence {
  if (!asked) return say("index", false, "left out (--no-index)");
  if (fromIndex + inIndex === 0)
    return say("index", false, "there is none; every manifest was read");
  const read = `${inIndex} manifests were read and are as the roll-ups have them`;
  if (fromIndex === 0) return say("index", true, read);
  const taken = `${fromIndex} manifests were taken from roll-ups, as the listing shows them`;
  return say("index", true, `${taken}; ${read}`);
}

const unsigned = (batches: number, signatures: number): string =>
  signatures > 0 && signatures < batches
    ? "; later links vouch for what was archived before signing began"
    : "";

const say = (of: Evidence["of"], used: boolean, text: string): Evidence => ({ of, used, text });
