#!/bin/sh
# usage: root.sh MOUNTPOINT CHECKOUT NODE ETC
# In namespaces of its own: builds a root that shares no folder that may be written with the host, and becomes systemd.
set -eu
mount -t tmpfs -o mode=755 tmpfs "$1"
cd "$1"
mkdir -p usr etc proc sys dev run tmp var/log var/lib var/cache var/tmp opt/bulk-archiver opt/node old
for d in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$d" ]; then ln -s "$(readlink "/$d")" "$d"; fi
done
mount --bind /usr usr
mount -o remount,bind,ro usr
mount -t tmpfs -o mode=755 tmpfs usr/local
mkdir usr/local/bin
mount --bind "$2" opt/bulk-archiver
mount -o remount,bind,ro opt/bulk-archiver
mount --bind "$(dirname "$3")" opt/node
mount -o remount,bind,ro opt/node
cp -r "$4/." etc/
cp -L /etc/ld.so.cache etc/
cat > usr/local/bin/bulk-archiver <<'PROGRAM'
#!/bin/sh
exec /opt/node/node /opt/bulk-archiver/src/main.ts "$@"
PROGRAM
chmod 755 usr/local/bin/bulk-archiver
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/shm dev/pts
for n in null zero full random urandom tty; do
  : > "dev/$n"
  mount --bind "/dev/$n" "dev/$n"
done
mount -t tmpfs tmpfs dev/shm
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
pivot_root . old
umount -l /old
rmdir /old
# As systemd has it outside of containers: mounts of credentials are handed on this way. New groups, none of the host's.
mount --make-rshared /
# Only the units in /etc: nothing of the host's distribution is started. `container`: it leaves the kernel's settings alone.
exec env -i container=test PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
  SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_GENERATOR_PATH=/none SYSTEMD_LOG_TARGET=journal \
  /lib/systemd/systemd --system --unit=multi-user.target < /dev/null
