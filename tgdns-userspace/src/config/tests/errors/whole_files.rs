//! Files that are no TOML, and those with several mistakes.

use super::*;

#[test]
fn not_toml() {
    rows(&[
        (
            "ttl = 1\n",
            "ttl = \nfoo bar\n",
            &[
                "10:7: this is not TOML: string values must be quoted, expected literal string",
                "11:5: this is not TOML: key with no value, expected `=`",
            ],
        ),
        (
            "ttl = 1\n",
            "ttl = 1\nttl = 5\ntll = 4\n",
            &[
                "11:1: this key or table is there already: keep one of them",
                "12:1: `tll` is no known key: did you mean `ttl`?",
            ],
        ),
        ("[dns]", "[dns", &["3:5: this is not TOML: unclosed table, expected `]`"]),
        (
            r#"["eth0"]"#,
            r#"["eth0""#,
            &["2:1: this is not TOML: missing comma between array elements, expected `,`"],
        ),
        (r#""eth0""#, r#""eth0"#, &[r#"1:21: this is not TOML: invalid basic string, expected `"`"#]),
    ]);
}

#[test]
fn mistakes_do_not_breed() {
    rows(&[
        (
            r#"name = "lan""#,
            r#"name = "l a n""#,
            &[r#"6:8: `name`: "l a n" is no name: write a-z, 0-9, '-' or '_' in place of ' '"#],
        ),
        (
            r#""192.168.1.100""#,
            r#"{ lan = "abc" }"#,
            &[
                r#"19:17: `lan` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "abc""#,
            ],
        ),
        (
            "first = \"10.10.10.100\"\ncount = 3",
            "first = \"x\"\ncount = 3",
            &[
                r#"17:9: `first` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "x""#,
            ],
        ),
        (
            "first = \"10.10.10.100\"\ncount = 3\nalias = \"192.168.1.100\"\n[[cluster.server]]\nname = \"tgpro-9\"\naddress = \"10.10.11.9\"",
            "first = \"10.10.10.100\"\ncount = 0\n[[cluster.server]]\nname = \"internet-2\"",
            &["18:9: `count` must be a whole number from 1 to 64, not 0"],
        ),
        (
            "name = \"lan\"\nclients = [\"192.168.0.0/16\"]\n[[cluster]]\nname = \"internet.intern.netz\"",
            "name = 5\nclients = [5]\n[[cluster]]\nname = \"internet\"",
            &[
                r#"6:8: `name` must be a name in quotes, such as "tgpro-9", not 5"#,
                r#"7:12: each of `clients` must be a prefix in quotes, such as "192.168.0.0/16" or "fd00::/8", not 5"#,
            ],
        ),
        (
            r#"alias = "192.168.7.9""#,
            "alias = { lun = \"192.168.7.9\" }\n[[view]]\nname = 7\nclients = [\"10.0.0.0/8\"]",
            &[r#"25:8: `name` must be a name in quotes, such as "tgpro-9", not 7"#],
        ),
        (
            r#"["0.0.0.0:53"]"#,
            "[53]",
            &[
                r#"4:11: each of `listen` must be an address and a port in quotes, such as "0.0.0.0:53" or "[::]:53", not 53"#,
            ],
        ),
    ]);
}

#[test]
fn several_mistakes_at_once() {
    let text = r#"interfaces = ["eth0", 1]
xdp_mode = "nativ"
[dns]
listen = ["0.0.0.0"]
colour = "blue"
[[view]]
name = "lan"
clients = ["192.168.0.1/16"]
[[cluster]]
name = "internet.intern.netz"
ttl = "1"
[cluster.probe]
prot = 443
interval = 1
[[cluster.part]]
first = "10.10.10.250"
count = 10
alias = { lan = "192.168.1.100", lun = "192.168.2.100" }
[[cluster.part]]
first = "10.10.20.100"
count = 3
[[cluster.part]]
first = "10.10.20.101"
count = 3
[[cluster]]
name = "second.intern.netz"
probe.port = 0
[[cluster.server]]
name = "tgpro-9"
adress = "10.10.11.9"
"#;
    check(
        text,
        &[
            r#"1:23: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not 1"#,
            r#"2:12: `xdp_mode` must be "native", "generic" or "off", not "nativ""#,
            r#"4:11: each of `listen` must be an address and a port in quotes, such as "0.0.0.0:53" or "[::]:53", not "0.0.0.0""#,
            "5:1: `colour` is no known key here: the known ones are listen, identity, version, cookie_secret, tcp_connections, tcp_connections_per_client, tcp_idle_timeout, rate_limit",
            r#"8:12: `clients`: "192.168.0.1/16" has bits set behind its prefix length: write "192.168.0.0/16""#,
            r#"11:7: `ttl` must be a whole number from 0 to 2147483647, not "1""#,
            "13:1: `prot` is no known key: did you mean `port`?",
            r#"14:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not 1"#,
            r#"16:9: `first`: counting 10 addresses from 10.10.10.250 reaches 10.10.11.3, outside of 10.10.10.0/24; start lower, count fewer, or write the network's own prefix, such as "10.10.10.250/23""#,
            r#"18:34: "lun" is no known view: did you mean "lan"?"#,
            "23:9: this part (10.10.20.101 to 10.10.20.103) overlaps the part of line 20 (10.10.20.100 to 10.10.20.102): move one of them, or count fewer",
            "27:14: `port` must be a whole number from 1 to 65535, not 0",
            "30:1: `adress` is no known key: did you mean `address`?",
        ],
    );
}
