/** What a shell can complete of one command. */
export interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly {
    readonly flag: string;
    /** What its value is; null: it has none. */
    readonly value: string | null;
    readonly text: string;
  }[];
  /** Words that may stand behind the name. */
  readonly words: readonly string[];
}

/** Values that are names of files or folders. */
const isPath = (value: string | null): boolean => value !== null && /file|dir|path/.test(value);

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function bashScript(commands: readonly Completed[]): string {
  const cases = commands.map((c) => {
    const flags = [...c.options.map((o) => o.flag), "--help", ...c.words];
    return `    ${c.name}) words=${quoted(flags.join(" "))} ;;`;
  });
  const all = commands.flatMap((c) => c.options);
  const flagsOf = (which: (value: string | null) => boolean): string =>
    [...new Set(all.filter((o) => which(o.value)).map((o) => o.flag))].sort().join("|");
  return `# bash completion of bulk-archiver
_bulk_archiver() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=${quoted([...commands.map((c) => c.name), "--help", "--version"].join(" "))}
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "$before" in
    ${flagsOf(isPath)}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${flagsOf((v) => v !== null && !isPath(v))}) return ;;
  esac
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _bulk_archiver bulk-archiver`;
}

export function zshScript(commands: readonly Completed[]): string {
  const list = commands.map(
    (c) => `    ${quoted(`${c.name}:${c.summary.replaceAll(":", "\\:")}`)}`,
  );
  const spec = ({ flag, value, text }: Completed["options"][number]): string => {
    const said = text.replaceAll(/[[\]:]/g, (c) => `\\${c}`);
    const takes =
      value === null ? "" : `:${value.replaceAll(/[|:]/g, " ")}:${isPath(value) ? "_files" : ""}`;
    return quoted(`*${flag}[${said}]${takes}`);
  };
  const cases = commands.map((c) => {
    const words = c.words.length === 0 ? [] : [quoted(`1:word:(${c.words.join(" ")})`)];
    return `    ${c.name}) _arguments ${[...words, ...c.options.map(spec)].join(" ")} ;;`;
  });
  return `#compdef bulk-archiver
_bulk_archiver() {
  local -a commands
  commands=(
${list.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local name="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$name" in
${cases.join("\n")}
  esac
}
compdef _bulk_archiver bulk-archiver`;
}

export function fishScript(commands: readonly Completed[]): string {
  const first = "__fish_use_subcommand";
  const lines = commands.flatMap((c) => {
    const seen = quoted(`__fish_seen_subcommand_from ${c.name}`);
    return [
      `complete -c bulk-archiver -n ${first} -f -a ${c.name} -d ${quoted(c.summary)}`,
      ...(c.words.length === 0
        ? []
        : [`complete -c bulk-archiver -n ${seen} -f -a ${quoted(c.words.join(" "))}`]),
      ...c.options.map(({ flag, value, text }) => {
        const takes = value === null ? " -f" : isPath(value) ? " -r" : " -x";
        return `complete -c bulk-archiver -n ${seen} -l ${flag.slice(2)}${takes} -d ${quoted(text)}`;
      }),
    ];
  });
  return ["# fish completion of bulk-archiver", ...lines].join("\n");
}
