import { bring, handOver, installDependencies } from "../deploy/bootstrap.mjs";

bring(["java", "maven", "kcat", "age", "zstd", "strace", "chromium", "promtool"]);
installDependencies();
handOver("test/run.ts", process.argv.slice(2));
