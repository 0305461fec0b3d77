import { HadoopServer } from "../../servers/hadoop.ts";
import { ForeignHdfs } from "../../sinks/hdfs/foreign.ts";
import { newPath, placeAt } from "../../sinks/hdfs/hdfs-place.ts";
import { filesAudited, type Store } from "./store.ts";

const NODES = ["namenode1", "datanode"] as const;
const SHELL = "org.apache.hadoop.fs.FsShell";

export async function hadoop(): Promise<Store> {
  const server = await HadoopServer.start();
  const path = newPath();
  const foreign = new ForeignHdfs(server.url);
  const place = placeAt(server.url, path);
  return {
    settings: {
      ...{ kind: "hdfs", url: server.url, user: "archiver", path },
      ...{ idleTimeout: "2s", limits: { timeout: "10s" } },
    },
    place: "the folder",
    damages: [
      { what: "a byte of it is changed", do: (batch) => place.damage(batch) },
      {
        what: "its file is replaced",
        do: ({ description: { seal } }) =>
          foreign.write(`${path}/${seal.path}`, Buffer.from("of somebody else")),
      },
      {
        what: "its file is deleted",
        do: ({ description: { seal } }) => foreign.remove(`${path}/${seal.path}`),
      },
    ],
    refusals: [
      {
        what: "its folder has no room",
        begin: () => server.admin("-setSpaceQuota", "4", path),
        end: () => server.admin("-clrSpaceQuota", path),
      },
      {
        what: "it is in safe mode, which takes no change",
        begin: () => server.admin("-safemode", "enter"),
        end: () => server.admin("-safemode", "leave"),
      },
    ],
    kill: () => Promise.all(NODES.map((node) => server.kill(node))),
    restart: async () => {
      const nameNode = server.restart("namenode1");
      await Promise.all([server.restart("datanode"), nameNode]);
    },
    signal: (name) => NODES.forEach((node) => server.signal(node, name)),
    remove: () => foreign.remove(path),
    renew: () => Promise.resolve(),
    snapshot: async () => {
      // With everything that a file has beside its bytes, extended attributes included.
      await server.tool(SHELL, ["-cp", "-ptopax", path, `${path}.old`]);
      return async () => {
        await foreign.remove(path);
        await foreign.call("PUT", `${path}.old`, `RENAME&destination=${path}`);
      };
    },
    audited: filesAudited((into) => foreign.bring(path, into)),
    stop: () => server.stop(),
  };
}
