use std::process::Command;

use super::*;
use crate::network_namespace::NetworkNamespace;

const TIMEOUT: Duration = Duration::from_millis(300);

#[test]
fn echoes_are_told_from_errors() {
    let namespace = NetworkNamespace::new();
    for command in [
        "link add veth0 type veth peer name veth1",
        "address add 192.0.2.1/24 dev veth0",
        "address add 2001:db8::1/64 dev veth0 nodad",
        "address add 198.51.100.1/32 dev lo",
        "address add 2001:db8:1::1/128 dev lo nodad",
        "link set veth0 up",
        "link set veth1 up",
        "route add unreachable 203.0.113.0/24",
    ] {
        namespace.ip(command);
    }
    namespace.block_on(|| async {
        // As a router in between would do.
        reject("198.51.100.1", "icmp type echo-request", "icmp type admin-prohibited");
        reject("2001:db8:1::1", "icmpv6 type echo-request", "icmpv6 type no-route");
        // Nobody may have ping sockets, as the kernel starts; then everybody, as systemd sets it.
        for (groups, wanted) in [("1 0", Type::RAW), ("0 2147483647", Type::DGRAM)] {
            std::fs::write("/proc/sys/net/ipv4/ping_group_range", groups).expect("write");
            for (destination, expected) in [
                ("127.0.0.1", ""),
                ("::1", ""),
                ("192.0.2.1", ""),
                ("2001:db8::1", ""),
                ("192.0.2.2", "timed out after 300ms while waiting for an echo reply"),
                ("2001:db8::2", "timed out after 300ms while waiting for an echo reply"),
                ("198.51.100.1", "administratively prohibited, says 198.51.100.1"),
                ("2001:db8:1::1", "network unreachable, says 2001:db8:1::1"),
                ("203.0.113.1", "no route to host"),
                ("8.8.8.8", "network is unreachable"),
            ] {
                let destination = Destination::at(destination);
                let kind = socket(destination.address.ip()).expect("a socket").r#type().expect("a type");
                assert_eq!(kind, wanted, "{destination}");
                let told = match probe(&destination, TIMEOUT).await.expect("a verdict") {
                    Outcome::Success { .. } => String::new(),
                    Outcome::Failure { cause, .. } => cause,
                };
                assert_eq!(told, expected, "{destination} by {wanted:?}");
            }
        }
    });
}

#[test]
fn requests_leave_from_the_source() {
    let namespace = NetworkNamespace::new();
    namespace.ip("address add 192.0.2.1/32 dev lo");
    namespace.block_on(|| async {
        // Only this source is heard.
        nft("table inet t { chain c { type filter hook input priority 0; icmp type echo-request ip saddr != 192.0.2.1 drop; }; }");
        let mut destination = Destination::at("127.0.0.1");
        assert!(!probe(&destination, TIMEOUT).await.expect("a verdict").is_success());
        destination.source = Some("192.0.2.1".parse().expect("an address"));
        assert!(probe(&destination, TIMEOUT).await.expect("a verdict").is_success());
        destination.source = Some("192.0.2.9".parse().expect("an address"));
        let told = probe(&destination, TIMEOUT).await.expect_err("not an address of this host").to_string();
        assert!(told.starts_with("cannot use the source address 192.0.2.9: "), "{told}");
    });
}

/// Answers what comes to an address with an error.
fn reject(address: &str, what: &str, error: &str) {
    let family = if address.contains(':') { "ip6" } else { "ip" };
    nft(&format!(
        "table {family} t {{ chain c {{ type filter hook input priority 0; {family} daddr {address} {what} reject with {error}; }}; }}"
    ));
}

/// In the namespace of this thread.
fn nft(rules: &str) {
    let status = Command::new("nft").arg(rules).status().expect("nftables is installed");
    assert!(status.success(), "{rules}");
}
