//! Addresses, and those that are in two places.

use super::*;

#[test]
fn addresses() {
    rows(&[
        (
            r#""10.10.10.100""#,
            r#""10.10.10.300""#,
            &[
                r#"17:9: `first` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "10.10.10.300""#,
            ],
        ),
        (
            r#""10.10.10.100""#,
            r#""10.10.10.100/33""#,
            &[
                r#"17:9: `first` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "10.10.10.100/33""#,
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""tgpro-9.intern.netz""#,
            &[
                r#"22:11: `address` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "tgpro-9.intern.netz""#,
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""224.0.0.1""#,
            &[
                "22:11: `address`: 224.0.0.1 is a multicast address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""255.255.255.255""#,
            &[
                "22:11: `address`: 255.255.255.255 is the broadcast address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#"["224.0.0.1", "::", "0.0.0.0"]"#,
            &[
                "23:10: `alias`: 224.0.0.1 is a multicast address: write the address that one machine is reached by",
                "23:23: `alias`: :: is the unspecified address: write the address that one machine is reached by",
                "23:29: `alias`: 0.0.0.0 belongs to \"this network\" (0.0.0.0/8): write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""0.0.0.0""#,
            &[
                r#"22:11: `address`: 0.0.0.0 belongs to "this network" (0.0.0.0/8): write the address that one machine is reached by"#,
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""ff02::1""#,
            &[
                "22:11: `address`: ff02::1 is a multicast address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""::""#,
            &[
                "22:11: `address`: :: is the unspecified address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""fe80::1""#,
            &[
                "22:11: `address`: fe80::1 is link-local and means nothing beyond its link: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""::ffff:10.1.1.1""#,
            &[
                "22:11: `address`: ::ffff:10.1.1.1 is an IPv4 address written as IPv6: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""10.10.11.9/24""#,
            &[
                r#"22:11: `address`: "10.10.11.9/24" has a prefix, but nothing is counted here: write "10.10.11.9""#,
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#"["192.168.7.9", "239.0.0.1"]"#,
            &[
                "23:25: `alias`: 239.0.0.1 is a multicast address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""192.168.0.0/16""#,
            r#""192.168.0.1/16", "192.168.0.0", "10.0.0.0/33", "::ffff:10.0.0.0/104""#,
            &[
                r#"7:12: `clients`: "192.168.0.1/16" has bits set behind its prefix length: write "192.168.0.0/16""#,
                r#"7:30: `clients`: "192.168.0.0" has no prefix length: write "192.168.0.0/32" for this one client, or the length of its network"#,
                r#"7:45: each of `clients` must be a prefix in quotes, such as "192.168.0.0/16" or "fd00::/8", not "10.0.0.0/33""#,
                r#"7:60: `clients`: "::ffff:10.0.0.0/104" is IPv4 written as IPv6: no client asks from there, write the IPv4 prefix"#,
            ],
        ),
        (
            r#""0.0.0.0:53""#,
            r#""0.0.0.0", "[::]:0", "224.0.0.1:53""#,
            &[
                r#"4:11: each of `listen` must be an address and a port in quotes, such as "0.0.0.0:53" or "[::]:53", not "0.0.0.0""#,
                r#"4:22: `listen`: "[::]:0" has port 0, which nobody can ask: write a port such as 53"#,
                "4:32: `listen`: 224.0.0.1 is a multicast address: listen on an address of this host",
            ],
        ),
    ]);
}

#[test]
fn overlaps() {
    rows(&[
        (
            "[[cluster.server]]",
            "[[cluster.part]]\nfirst = \"10.10.10.102\"\ncount = 2\n[[cluster.server]]",
            &[
                "21:9: this part (10.10.10.102 to 10.10.10.103) overlaps the part of line 17 (10.10.10.100 to 10.10.10.102): move one of them, or count fewer",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""10.10.10.101""#,
            &[
                r#"22:11: 10.10.10.101 of server "tgpro-9" is the address of "internet-2" (line 17): each server needs its own"#,
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#""192.168.1.101""#,
            &[
                r#"23:9: 192.168.1.101 is handed out twice: for "internet-2" (line 19) and for "tgpro-9": each server needs its own alias"#,
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#"{ lan = "192.168.1.101" }"#,
            &[
                r#"23:17: 192.168.1.101 is handed out twice in view "lan": for "internet-2" (line 19) and for "tgpro-9": each server needs its own alias"#,
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#"["192.168.7.9", "192.168.7.9"]"#,
            &[r#"23:9: 192.168.7.9 is listed twice for server "tgpro-9": take one away"#],
        ),
        (
            r#""192.168.1.100""#,
            r#"["192.168.1.100", "192.168.1.102"]"#,
            &[
                r#"19:9: 192.168.1.102 is handed out twice: for "internet-1" (line 19) and for "internet-3": each server needs its own alias"#,
            ],
        ),
        (
            "\nalias = \"192.168.7.9\"",
            "\nalias = { lan = \"192.168.7.9\", default = \"192.168.1.102\" }",
            &[
                r#"23:42: 192.168.1.102 is handed out twice: for "internet-3" (line 19) and for "tgpro-9": each server needs its own alias"#,
            ],
        ),
        (
            "name = \"tgpro-9\"\naddress = \"10.10.11.9\"\n",
            "name = \"internet-2\"\naddress = \"10.10.10.102\"\n",
            &[
                r#"17:9: 10.10.10.102 of server "internet-3" is the address of "internet-2" (line 22): each server needs its own"#,
            ],
        ),
        (
            "count = 3\nalias = \"192.168.1.100\"",
            "count = 40\nalias = [\"192.168.1.100\", \"192.168.2.100\"]",
            &["8:1: 81 addresses of one family are handed out, at most 64 are possible: give fewer aliases"],
        ),
    ]);
}
