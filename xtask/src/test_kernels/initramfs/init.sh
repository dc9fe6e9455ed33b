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
    bpftool prog load /payload/tgdns-ebpf /sys/fs/bpf/program type xdp >/tmp/load 2>&1 && return
    grep "^processed" /tmp/load
    tail -n 60 /tmp/load
    return 1
}

attach() {
    bpftool net attach "$1" pinned /sys/fs/bpf/program dev inside &&
        ip link show inside | grep "prog/xdp" &&
        bpftool net detach "$1" dev inside
}

# Tests of the controller that are left out where a kernel has no VLAN devices.
vlan() {
    controller-tests --test-threads=1 --ignored vlan >/tmp/vlan 2>&1 && grep -q "test result: ok. [1-9]" /tmp/vlan && return
    cat /tmp/vlan
    return 1
}

# The built program on devices that this machine's kernel may lack.
devices() {
    devices-tests --test-threads=1 --ignored >/tmp/devices 2>&1 && grep -q "test result: ok. [1-9]" /tmp/devices && return
    cat /tmp/devices
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
step vlan vlan
step devices devices
step tests kernel-tests --test-threads=1 --show-output
echo "@ end"
poweroff -f
