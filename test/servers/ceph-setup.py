"""What Ceph's own command line would do, by its library: register the OSD, wait for it, make pools.

Arguments: the configuration file, then `register UUID`, or `pools` (waits until the OSD is up).
"""

import json
import sys
import time

import rados

POOLS = [".rgw.root"] + [
    "default.rgw." + name
    for name in ("log", "control", "meta", "buckets.index", "buckets.data", "buckets.non-ec")
]
UP_SECONDS = 60

cluster = rados.Rados(conffile=sys.argv[1])
cluster.connect(timeout=30)


def mon(**command):
    status, out, text = cluster.mon_command(json.dumps(command), b"", timeout=30)
    if status:
        sys.exit(f"{command}: {status} {text}")
    return out


if sys.argv[2] == "register":
    mon(prefix="osd new", uuid=sys.argv[3])
else:
    late = time.time() + UP_SECONDS
    while not any(o["up"] for o in json.loads(mon(prefix="osd dump", format="json"))["osds"]):
        if time.time() > late:
            sys.exit("the OSD does not come up")
        time.sleep(0.05)
    # Pools made before the OSD is up would wait five seconds; the gateway makes them one by one.
    for pool in POOLS:
        mon(prefix="osd pool create", pool=pool, pg_num=4)
        mon(prefix="osd pool application enable", pool=pool, app="rgw")
