import type { BadConfig } from "./bad-sink-configs.ts";
import { edited } from "./load.ts";

const tls = (keys: string): string => edited({ 2: `  brokers: ["a:1"]\n  ssl: { ${keys} }` });

/** Files are those of `tlsFiles`, and `torn.pem`. */
export const badTls: readonly BadConfig[] = [
  [
    "a key of another certificate",
    tls("cert: authority/me.pem, key: authority/other.key"),
    ["3:39: kafka.ssl.key: the key does not belong to the certificate in cert"],
  ],
  [
    "an encrypted key without a passphrase",
    tls("cert: authority/other.pem, key: authority/other-locked.key"),
    ["3:42: kafka.ssl.key: the key is encrypted, and passphrase is missing or wrong"],
  ],
  [
    "an encrypted key with a wrong passphrase",
    tls("cert: authority/other.pem, key: authority/other-locked.key, passphrase: open"),
    ["3:42: kafka.ssl.key: the key is encrypted, and passphrase is missing or wrong"],
  ],
  [
    "a certificate file that is damaged",
    tls("cert: torn.pem, key: authority/me.key"),
    ["3:16: kafka.ssl.cert: TLS cannot use it: "],
  ],
  [
    "a key where the certificate should be",
    tls("cert: authority/me.key, key: authority/me.key"),
    ["3:16: kafka.ssl.cert: TLS cannot use it: "],
  ],
];
