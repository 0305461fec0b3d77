import { bring, handOver, installDependencies } from "../deploy/bootstrap.mjs";

/** A program of this folder on a fresh clone: `node test/tool.mjs NEEDS SCRIPT [ARG]...`, NEEDS by commas or `nothing`. */
const [needs = "nothing", script, ...args] = process.argv.slice(2);
if (needs !== "nothing" && !args.includes("--help")) bring(needs.split(","));
installDependencies();
handOver(script, args);
