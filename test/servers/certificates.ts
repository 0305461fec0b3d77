import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  /** Key and certificate in one file, as Kafka's PEM key stores want it. */
  readonly both: string;
}

export interface CertificateOptions {
  /** Its time ended in 2021. */
  readonly expired?: boolean;
  /** Of the key; left out: in the clear. */
  readonly passphrase?: string;
}

const CONFIG = `[ca]
default_ca = own
[own]
dir = .
database = ./index
serial = ./serial
new_certs_dir = .
certificate = ./ca.pem
private_key = ./ca.key
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
`;

/** A certificate authority of its own, by the openssl program; everything is in one folder. */
export class Authority {
  readonly dir: string;
  readonly ca: string;

  constructor(dir: string, name: string) {
    mkdirSync(dir, { recursive: true });
    this.dir = dir;
    this.ca = join(dir, "ca.pem");
    for (const [file, text] of [
      ["openssl.cnf", CONFIG],
      ["index", ""],
      ["serial", "1000\n"],
    ] as const) {
      writeFileSync(join(dir, file), text);
    }
    const subject = ["-subj", `/CN=${name}`, "-days", "30", "-config", "openssl.cnf"];
    const extra = ["-addext", "basicConstraints=critical,CA:TRUE"];
    this.#openssl(
      "req",
      "-x509",
      ...NEW_KEY,
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      ...subject,
      ...extra,
    );
  }

  /** For both sides of a connection, valid for 127.0.0.1 and localhost. */
  issue(name: string, { expired = false, passphrase }: CertificateOptions = {}): Certificate {
    const names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
    const [request, plain, cert] = [`${name}.csr`, `${name}.key`, `${name}.pem`];
    const subject = ["-subj", `/CN=${name}`, "-config", "openssl.cnf"];
    this.#openssl(
      "req",
      "-new",
      ...NEW_KEY,
      "-keyout",
      plain,
      "-out",
      request,
      ...subject,
      ...names,
    );
    const from = expired ? "20200101000000Z" : "20240101000000Z";
    const to = expired ? "20210101000000Z" : "20491231000000Z";
    const time = ["-startdate", from, "-enddate", to];
    this.#openssl(
      "ca",
      "-batch",
      "-notext",
      "-config",
      "openssl.cnf",
      ...time,
      "-in",
      request,
      "-out",
      cert,
    );
    const key = passphrase === undefined ? plain : this.#locked(name, plain, passphrase);
    const both = join(this.dir, `${name}-both.pem`);
    const read = (file: string): string => this.#openssl("pkey", "-in", file);
    writeFileSync(both, read(plain) + this.#openssl("x509", "-in", cert));
    return { cert: join(this.dir, cert), key: join(this.dir, key), both };
  }

  #locked(name: string, plain: string, passphrase: string): string {
    const key = `${name}-locked.key`;
    const secret = ["-passout", `pass:${passphrase}`];
    this.#openssl("pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", plain, "-out", key, ...secret);
    return key;
  }

  #openssl(...args: readonly string[]): string {
    const run = spawnSync("openssl", args, { cwd: this.dir, encoding: "utf8" });
    if (run.status === 0) return run.stdout;
    throw new Error(`openssl ${args.join(" ")} ended with ${run.status}:\n${run.stderr}`);
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
