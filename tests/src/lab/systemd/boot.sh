# boot.sh DIRECTORY CGROUP
#
# As the first process of a process namespace, with mounts of its own: makes DIRECTORY/root the whole file system, with the
# host's /usr below it and what is in DIRECTORY/tree laid over that, and becomes systemd there, in the control group CGROUP.
set -eu
directory=$1
if [ "$2" != inside ]; then
    echo 0 >"$2/cgroup.procs"
    exec unshare --cgroup -- sh -eu "$0" "$directory" inside
fi
root=$directory/root
mount --make-rprivate /
mkdir "$root"
mount -t tmpfs -o mode=755 root "$root"
cd "$root"
mkdir dev etc host proc run sys tmp usr var
chmod 1777 tmp
for link in bin sbin lib lib64; do ln -s "usr/$link" "$link"; done
mount --bind /usr usr
mount -o remount,bind,ro usr
# Of the host's units there are those alone that any service takes for granted.
units=usr/lib/systemd/system
mount -t tmpfs -o mode=755 units "$directory/tree/units"
for unit in basic local-fs network network-online paths shutdown slices sockets sysinit timers; do
    cp "$units/$unit.target" "$directory/tree/units/"
done
cp "$units/systemd-journald.service" "$directory/tree/units/"
mkdir "$directory/tree/units/sockets.target.wants"
for unit in systemd-journald.socket systemd-journald-dev-log.socket; do
    cp "$units/$unit" "$directory/tree/units/"
    ln -s "../$unit" "$directory/tree/units/sockets.target.wants/"
done
mount --move "$directory/tree/units" "$units"
mount -t tmpfs none usr/lib/systemd/system-generators
mount -t tmpfs -o mode=755 local usr/local
cp -R "$directory/tree/etc" .
mkdir usr/local/sbin
touch usr/local/sbin/tgdns
mount --bind "$directory/tree/tgdns" usr/local/sbin/tgdns
mount -t proc proc proc
mount -t sysfs sys sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t bpf bpf sys/fs/bpf
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=755 dev dev
for device in full null random tty urandom zero; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . host
cd /
umount -l host
rmdir host
# From here on nothing is the host's but what was bound. systemd cleans up where it starts.
[ -e /etc/tgdns ] && [ ! -e "$directory" ]
mount --make-rshared /
systemd-sysusers
exec env -i container=lab PATH=/usr/sbin:/usr/bin /usr/lib/systemd/systemd --unit=basic.target
