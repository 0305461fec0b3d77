import { bring, handOver, installDependencies } from "../bootstrap.mjs";

const args = process.argv.slice(2);
const ownKafka = !args.some((a) => a.startsWith("--brokers")) && !args.includes("--help");
if (ownKafka) bring(["java", "maven"]);
installDependencies();
handOver("deploy/quickstart/quickstart.ts", args);
