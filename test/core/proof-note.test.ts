import { expect, test } from "vitest";
import { decodeProof, encodeProof, type ProofNote } from "../../src/core/proof-note.ts";

const NOTE: ProofNote = {
  ...{ atMs: 1_795_270_676_531, problems: 2, grade: "deep", percent: 5 },
  ...{ across: true, againstKafka: false },
};

test("what was told is read as it was told", () => {
  expect(decodeProof(encodeProof(NOTE))).toEqual(NOTE);
});

test("nothing, something else, and what was edited or cut short say nothing", () => {
  const text = encodeProof(NOTE);
  const edited = text.replace('"problems":2', '"problems":0');
  expect(edited).not.toBe(text);
  for (const wrong of ["", "ba1 0 100 x", edited, text.slice(0, -1), `${text} `]) {
    expect(decodeProof(wrong), wrong).toBeNull();
  }
});
