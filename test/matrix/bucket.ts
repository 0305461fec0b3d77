import type { CephServer } from "../servers/ceph.ts";
import { FaultProxy } from "../servers/fault-proxy.ts";
import { download } from "../sinks/s3/download.ts";
import { type BucketKind, newBucket, type S3Server } from "../sinks/s3/server.ts";

const PREFIX = "site-a";

/** A bucket of a user of its own, behind a network of its own. */
export class Bucket {
  readonly name: string;
  /** As somebody else reaches it: past the network. */
  readonly direct: S3Server;
  readonly network: FaultProxy;
  readonly #ceph: CephServer;
  readonly #uid: string;

  private constructor(
    ceph: CephServer,
    uid: string,
    at: { readonly name: string; readonly direct: S3Server; readonly network: FaultProxy },
  ) {
    this.#ceph = ceph;
    this.#uid = uid;
    ({ name: this.name, direct: this.direct, network: this.network } = at);
  }

  static async open(ceph: CephServer, uid: string, kind: BucketKind): Promise<Bucket> {
    const direct = { endpoint: ceph.endpoint, ...ceph.addUser(uid) };
    const { hostname, port } = new URL(ceph.endpoint);
    const network = await FaultProxy.open({ host: hostname, port: Number(port) });
    return new Bucket(ceph, uid, { name: await newBucket(direct, kind), direct, network });
  }

  /** YAML of the sink, below its name. */
  sink(more: Readonly<Record<string, unknown>> = {}): string {
    const { accessKeyId, secretAccessKey } = this.direct;
    const all = {
      ...{ kind: "s3", endpoint: `http://127.0.0.1:${this.network.port}`, bucket: this.name },
      ...{ prefix: PREFIX, timeout: "3s", connectTimeout: "2s", accessKeyId, secretAccessKey },
      ...more,
    };
    return JSON.stringify(all).slice(1, -1);
  }

  /** All that the archive holds, by the AWS SDK alone. */
  async brought(into: string): Promise<void> {
    await download(this.direct, { bucket: this.name, prefix: PREFIX }, into);
  }

  /** The user's requests are refused until it is enabled again. */
  suspend(): void {
    this.#ceph.admin(["user", "suspend", `--uid=${this.#uid}`]);
  }

  enable(): void {
    this.#ceph.admin(["user", "enable", `--uid=${this.#uid}`]);
  }

  close(): Promise<void> {
    return this.network.close();
  }
}
