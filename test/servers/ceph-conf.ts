import { join } from "node:path";
import type { CephPackages } from "./ceph-packages.ts";

export interface CephConfOptions {
  readonly dir: string;
  readonly fsid: string;
  readonly monPort: number;
  readonly gatewayPort: number;
  /** `memory`: gone when the OSD ends. `disk`: a sparse file, starts more slowly. */
  readonly store: "memory" | "disk";
  /** Added to the gateway's section. */
  readonly gateway: Readonly<Record<string, string>>;
}

const STORE_BYTES = 4 * 1024 ** 3;

/** One mon, one OSD and one gateway on loopback: no manager, no cephx, one copy of everything. */
export function cephConf(o: CephConfOptions, packages: CephPackages): string {
  const log = (name: string): string => join(o.dir, `${name}.log`);
  const sections: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {
    global: {
      fsid: o.fsid,
      mon_host: `[v2:127.0.0.1:${o.monPort}]`,
      mon_initial_members: "a",
      public_network: "127.0.0.0/8",
      auth_cluster_required: "none",
      auth_service_required: "none",
      auth_client_required: "none",
      run_dir: o.dir,
      // A socket's path is short; temporary folders need not be.
      admin_socket: "",
      crash_dir: o.dir,
      keyring: join(o.dir, "keyring"),
      pid_file: "",
      log_flush_on_exit: "false",
      plugin_dir: join(packages.lib, "ceph"),
      erasure_code_dir: join(packages.lib, "ceph/erasure-code"),
      osd_class_dir: join(packages.lib, "rados-classes"),
      osd_pool_default_size: 1,
      osd_pool_default_min_size: 1,
      osd_pool_default_pg_num: 4,
      osd_pool_default_pgp_num: 4,
      osd_pool_default_pg_autoscale_mode: "off",
      osd_crush_chooseleaf_type: 0,
      mon_allow_pool_size_one: "true",
      mon_max_pg_per_osd: 1000,
      mon_warn_on_pool_no_redundancy: "false",
      ms_async_op_threads: 2,
      mon_tick_interval: 1,
      objecter_tick_interval: 0.5,
      osd_mon_report_interval: 1,
    },
    mon: {
      log_file: log("mon"),
      mon_data: join(o.dir, "mon"),
      mon_data_avail_crit: 1,
      mon_data_avail_warn: 2,
      paxos_propose_interval: 0.05,
      paxos_min_wait: 0.01,
      mon_cluster_log_file: log("cluster"),
      mon_mgr_beacon_grace: 1_000_000,
      rocksdb_cache_size: 16 << 20,
      mon_memory_autotune: "false",
    },
    osd: {
      log_file: log("osd"),
      osd_data: join(o.dir, "osd"),
      osd_objectstore: o.store === "memory" ? "memstore" : "bluestore",
      memstore_device_bytes: STORE_BYTES,
      bluestore_block_size: STORE_BYTES,
      bluestore_block_create: "true",
      bluestore_block_preallocate_file: "false",
      bluestore_fsck_on_mount: "false",
      bluestore_cache_autotune: "false",
      bluestore_cache_size: 64 << 20,
      osd_numa_auto_affinity: "false",
      osd_op_num_shards: 2,
      osd_op_num_threads_per_shard: 1,
      osd_mclock_skip_benchmark: "true",
      osd_max_pg_log_entries: 100,
      osd_min_pg_log_entries: 50,
      mon_osd_full_ratio: 0.99,
    },
    "client.rgw.test": {
      log_file: log("gateway"),
      rgw_data: join(o.dir, "rgw"),
      rgw_frontends: `beast endpoint=127.0.0.1:${o.gatewayPort}`,
      rgw_thread_pool_size: 64,
      // The gateway insists on a secure connection by itself, which does not go without cephx.
      ms_mon_client_mode: "crc secure",
      rgw_dns_name: "localhost",
      rgw_crypt_require_ssl: "false",
      rgw_enable_ops_log: "false",
      rgw_enable_usage_log: "false",
      rgw_run_sync_thread: "false",
      ...o.gateway,
    },
  };
  return Object.entries(sections)
    .map(([name, keys]) => {
      const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`);
      return `[${name}]\n${lines.join("")}`;
    })
    .join("\n");
}
