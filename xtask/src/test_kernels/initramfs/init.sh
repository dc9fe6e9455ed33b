#!/bin/busybox sh
# The first process of a guest. Its verdicts are lines that begin with "@".
/bin/busybox --install -s /bin
export PATH=/payload:/bin RUST_BACKTRACE=1
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
# The shell prefers its own.
ip() { /payload/ip "$@"; }

for module in /modules/*.ko; do insmod "$module"; done
ip link set lo up

step() {
    name=$1
    shift
    if "$@"; then echo "@ $name ok"; else echo "@ $name failed"; fi
}

# Of a refused program the verifier's last words tell why; all of them would take minutes on this console.
load() {
    bpftool prog loadall /payload/tgdns-ebpf /sys/fs/bpf/programs type xdp >/tmp/load 2>&1 && return
    grep "^processed" /tmp/load
    tail -n 60 /tmp/load
    return 1
}

attach() {
    bpftool net attach "$1" pinned /sys/fs/bpf/programs/tgdns dev inside &&
        ip link show inside | grep "prog/xdp id [0-9]* name tgdns" &&
        bpftool net detach "$1" dev inside
}

# Tests of which one has to run at least. Some are left out where a machine lacks their devices.
some() {
    "$@" --test-threads=1 >/tmp/some 2>&1 && grep -q "test result: ok. [1-9]" /tmp/some && return
    cat /tmp/some
    return 1
}

echo "@ kernel $(uname -r) $(uname -v)"
step load load
ip link add inside type veth peer name outside
ip link set inside up
ip link set outside up
step native attach xdpdrv
step generic attach xdpgeneric
ip link delete inside
cd /tmp
step vlan some controller-tests --ignored vlan
step devices some devices-tests --ignored
step veth some wire-tests
step bond some wire-tests --ignored bond
step virtio some wire-tests --ignored virtio
step tests kernel-tests --test-threads=1 --show-output
echo "@ end"
poweroff -f
