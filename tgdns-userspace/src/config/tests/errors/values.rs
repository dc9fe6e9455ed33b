//! Values of another type, and what is out of range.

use super::*;

#[test]
fn wrong_types() {
    rows(&[
        (
            "port = 443",
            r#"port = "443""#,
            &[r#"14:8: `port` must be a whole number from 1 to 65535, not "443""#],
        ),
        ("port = 443", "port = 1.5", &["14:8: `port` must be a whole number from 1 to 65535, not 1.5"]),
        (
            "port = 443",
            "port = 99999999999999999999999999",
            &["14:8: `port` must be a whole number from 1 to 65535, not 99999999999999999999999999"],
        ),
        (
            r#"interval = "1s""#,
            "interval = 1",
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not 1"#,
            ],
        ),
        (r#"["eth0"]"#, r#""eth0""#, &[r#"1:14: `interfaces` must be a list in brackets, not "eth0""#]),
        (
            r#"["eth0"]"#,
            "[3]",
            &[
                r#"1:15: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not 3"#,
            ],
        ),
        (
            r#""eth0""#,
            r#"5, "eth0", true"#,
            &[
                r#"1:15: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not 5"#,
                r#"1:26: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not true"#,
            ],
        ),
        (
            "[[cluster]]",
            "[cluster]",
            &["8:1: `cluster` may be there several times: write its header with two brackets, [[cluster]]"],
        ),
        (
            "[[cluster.part]]",
            "[cluster.part]",
            &[
                "16:1: `part` may be there several times: write its header with two brackets, [[cluster.part]]",
            ],
        ),
        ("[dns]", "[[dns]]", &["3:1: `dns` must be a table, not a list"]),
        (
            "[cluster.probe]\ntype = \"tcp\"\nport = 443\ninterval = \"1s\"",
            "probe = 5",
            &["12:9: `probe` must be a table, or a list of tables, not 5"],
        ),
        (
            "[cluster.probe]\ntype = \"tcp\"\nport = 443\ninterval = \"1s\"",
            r#"probe = ["tcp", 443]"#,
            &[
                r#"12:10: each of `probe` must be a table, not "tcp""#,
                "12:17: each of `probe` must be a table, not 443",
            ],
        ),
        (
            r#"answer = "all""#,
            "answer = 2",
            &[r#"11:10: `answer` must be "all", "one" or { subset = 2 }, not 2"#],
        ),
        (
            r#""192.168.1.100""#,
            "5",
            &[
                "19:9: `alias` must be an address in quotes, a list of addresses, or a table { view = address }, not 5",
            ],
        ),
        (
            r#""192.168.1.100""#,
            "{ lan = 5 }",
            &["19:17: `lan` must be an address in quotes, a list of addresses, \"own\" or \"none\", not 5"],
        ),
        (
            r#"interfaces = ["eth0"]"#,
            "[[interfaces]]",
            &[
                r#"1:1: `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not a table"#,
            ],
        ),
    ]);
}

#[test]
fn ranges_and_words() {
    rows(&[
        (
            r#""native""#,
            r#""nativ""#,
            &[r#"2:12: `xdp_mode` must be "native", "generic" or "off", not "nativ""#],
        ),
        (
            r#"type = "tcp""#,
            r#"type = "ping""#,
            &[
                r#"13:8: `type` must be "tcp", "http", "https", "tls", "icmp", "dns", "exec", "file" or "agent", not "ping""#,
            ],
        ),
        (
            r#"answer = "all""#,
            r#"answer = "some""#,
            &[r#"11:10: `answer` must be "all", "one" or { subset = 2 }, not "some""#],
        ),
        (
            r#"answer = "all""#,
            "answer = { subset = 0 }",
            &["11:21: `subset` must be a whole number from 1 to 64, not 0"],
        ),
        (
            r#"answer = "all""#,
            "answer = { subset = 65 }",
            &["11:21: `subset` must be a whole number from 1 to 64, not 65"],
        ),
        ("port = 443", "port = 0", &["14:8: `port` must be a whole number from 1 to 65535, not 0"]),
        ("ttl = 1\n", "ttl = -1\n", &["10:7: `ttl` must be a whole number from 0 to 2147483647, not -1"]),
        ("count = 3", "count = 0", &["18:9: `count` must be a whole number from 1 to 64, not 0"]),
        ("count = 3", "count = 65", &["18:9: `count` must be a whole number from 1 to 64, not 65"]),
        (
            r#"interval = "1s""#,
            "interval = \"1s\"\nrise = 0\nfall = 0",
            &[
                "16:8: `rise` must be a whole number from 1 to 100, not 0",
                "17:8: `fall` must be a whole number from 1 to 100, not 0",
            ],
        ),
        (
            "xdp_mode = \"native\"\n",
            "control_group = \"net dev\"\n",
            &[
                r#"2:17: `control_group` must be a group's name in quotes, such as "netdev" (1 to 32 letters, digits, "_", "-" or "."), not "net dev""#,
            ],
        ),
        (
            "xdp_mode = \"native\"\n",
            "state_dir = \"var/lib\"\ncontrol = \"/run/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n",
            &[
                r#"2:13: `state_dir` must be an absolute path in quotes, such as "/var/lib/tgdns", not "var/lib""#,
                "3:11: `control` has 108 bytes, a socket's path at most 107: shorten it",
            ],
        ),
        (
            r#"address = "10.10.11.9""#,
            "address = \"10.10.11.9\"\nweight = 65536",
            &["23:10: `weight` must be a whole number from 0 to 65535, not 65536"],
        ),
    ]);
}

#[test]
fn durations() {
    rows(&[
        (
            r#"interval = "1s""#,
            r#"interval = "1 sekunde""#,
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not "1 sekunde""#,
            ],
        ),
        (
            r#"interval = "1s""#,
            r#"interval = "0s""#,
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not "0s""#,
            ],
        ),
        (
            r#"interval = "1s""#,
            r#"interval = "2h""#,
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not "2h""#,
            ],
        ),
        (
            r#"interval = "1s""#,
            r#"timeout = "0ms""#,
            &[
                r#"15:11: `timeout` must be a duration in quotes from "1ms" to "1m", such as "500ms", not "0ms""#,
            ],
        ),
        (
            r#"interval = "1s""#,
            "interval = \"50ms\"\ntimeout = \"70ms\"\nfast_interval = \"51ms\"",
            &[
                "16:11: `timeout` (70ms) is longer than `interval` (50ms): shorten it, or lengthen `interval`",
                "17:17: `fast_interval` (51ms) is longer than `interval` (50ms): shorten it, or lengthen `interval`",
            ],
        ),
        (
            r#"interval = "1s""#,
            "interval = \"x\"\ntimeout = \"70s\"\nfast_interval = \"20s\"",
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not "x""#,
                r#"16:11: `timeout` must be a duration in quotes from "1ms" to "1m", such as "500ms", not "70s""#,
            ],
        ),
    ]);
}
