import { edited } from "./load.ts";

/** A text and every line that its error says. */
export type BadConfig = readonly [name: string, text: string, problems: readonly string[]];

export const badSinkConfigs: readonly BadConfig[] = [
  [
    "an unknown kind of sink",
    edited({ 6: "  - { name: files, kind: fss, path: a }" }),
    ['6:26: sinks[0].kind: unknown kind "fss" (did you mean "fs"?); known kinds: fs'],
  ],
  [
    "a builtin module as kind",
    edited({ 6: "  - { name: files, kind: http, path: a }" }),
    ['6:26: sinks[0].kind: unknown kind "http"'],
  ],
  [
    "a package that is no sink",
    edited({ 6: "  - { name: files, kind: yaml, path: a }" }),
    ["6:26: sinks[0].kind: the package yaml exports no sink plugin (sdk 1)"],
  ],
  [
    "a mistyped key of a sink",
    edited({ 6: "  - { name: files, kind: fs, pth: a }" }),
    [
      '6:30: sinks[0]: unknown key "pth" (did you mean "path"?)',
      '6:5: sinks[0]: missing key "path"',
    ],
  ],
  [
    "a mistyped common key of a sink",
    edited({ 6: "  - { name: files, kind: fs, path: a, whenaway: wait }" }),
    ['6:39: sinks[0]: unknown key "whenaway" (did you mean "whenAway"?)'],
  ],
  [
    "a wrong value of a sink's own key",
    edited({ 6: "  - { name: files, kind: fs, path: a, fsync: maybe }" }),
    ['6:46: sinks[0].fsync: expected true or false, found the text "maybe"'],
  ],
  [
    "two sinks of one name",
    edited({ 7: "  - { name: files, kind: fs, path: b }" }),
    ['7:13: sinks[1].name: a second sink "files"'],
  ],
  [
    "detaching the only sink",
    edited({ 6: "  - { name: files, kind: fs, path: a, whenAway: { detach: 30m } }" }),
    ["6:49: sinks[0].whenAway: the only sink is the primary, which is always waited for"],
  ],
  [
    "when to detach without unit",
    edited({ 6: "  - { name: files, kind: fs, path: a, whenAway: { detach: 30 } }" }),
    ["6:59: sinks[0].whenAway.detach: 30 has no unit: write 30s or 30ms"],
  ],
];
