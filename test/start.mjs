import { bring, handOver, installDependencies } from "../deploy/bootstrap.mjs";

const servers = ["java", "maven", "kcat", "age", "zstd", "strace"];
bring([...servers, "chromium", "promtool", "go", "groff", "systemd", "venv", "zsh", "fish"]);
installDependencies();
handOver("test/run.ts", process.argv.slice(2));
