import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * An interactive zsh on a terminal, in which each line is typed and Tab pressed: zsh completes nowhere
 * else. What the line has become is written by a key of its own, ^X.
 */
const TYPIST = `
import json, os, pty, select, sys, time
lines, done, ready = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
pid, fd = pty.fork()
if pid == 0:
    os.execvp("zsh", ["zsh", "-i"])
def waits(path, what):
    end = time.time() + 40
    while not os.path.exists(path):
        if time.time() > end:
            sys.exit("zsh: " + what)
        if select.select([fd], [], [], 0.05)[0]:
            os.read(fd, 65536)
waits(ready, "did not start")
for i, line in enumerate(lines):
    os.write(fd, line.encode() + b"\\t\\x18")
    waits(done + str(i), "no answer to " + line)
os.kill(pid, 9)
`;

/** What zsh makes of each line at a Tab; `bulk-archiver` is completed by this script. */
export function typedInZsh(script: string, cwd: string, lines: readonly string[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), "archiver-zsh-"));
  const done = join(dir, "line-");
  try {
    writeFileSync(join(dir, "script"), script);
    const rc = [
      "autoload -Uz compinit && compinit -u -D",
      "setopt no_beep no_list_beep",
      `source ${join(dir, "script")}`,
      `n=0; told() { print -r -- "$BUFFER" > ${done}$n.part; mv ${done}$n.part ${done}$n; (( n++ )); BUFFER= }`,
      "zle -N told; bindkey '^X' told",
      `begun() { : > ${join(dir, "ready")} }; zle -N zle-line-init begun`,
    ];
    writeFileSync(join(dir, ".zshrc"), rc.join("\n"));
    const env = { ...process.env, ZDOTDIR: dir, TERM: "dumb", PS1: "" };
    const args = ["-c", TYPIST, JSON.stringify(lines), done, join(dir, "ready")];
    execFileSync("python3", args, { cwd, env, stdio: "pipe" });
    return lines.map((_, i) => readFileSync(`${done}${i}`, "utf8").trimEnd());
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
