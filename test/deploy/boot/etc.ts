import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const DISTRIBUTION = "/usr/lib/systemd/system";
const JOURNAL = [
  "systemd-journald.service",
  "systemd-journald.socket",
  "systemd-journald-dev-log.socket",
];

const FILES: Readonly<Record<string, string>> = {
  passwd: "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
  group: "root:x:0:\nnogroup:x:65534:\n",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
  hosts: "127.0.0.1 localhost\n",
  "machine-id": `${"0123456789abcdef".repeat(2)}\n`,
  "systemd/journald.conf": "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n",
};

/** What each waits for; the others are names that units mention. */
const TARGETS: Readonly<Record<string, string>> = {
  sysinit: "Wants=systemd-journald.service",
  basic: "Requires=sysinit.target\nAfter=sysinit.target",
  "multi-user": "Requires=basic.target\nAfter=basic.target",
  shutdown: "",
  "network-online": "",
};

/** Fills `dir` with an /etc of a machine that has a journal, and the units of `services`. */
export function writeEtc(dir: string, services: readonly string[]): void {
  const units = join(dir, "systemd/system");
  mkdirSync(units, { recursive: true });
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(dir, name), text);
  for (const [name, lines] of Object.entries(TARGETS)) {
    const text = `[Unit]\nDescription=${name}\nDefaultDependencies=no\n${lines}\n`;
    writeFileSync(join(units, `${name}.target`), text);
  }
  for (const name of JOURNAL) copyFileSync(join(DISTRIBUTION, name), join(units, name));
  for (const path of services) copyFileSync(path, join(units, path.replace(/.*\//, "")));
}
