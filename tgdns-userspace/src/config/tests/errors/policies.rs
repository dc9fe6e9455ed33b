//! What a cluster hands out, and for how long.

use super::*;

#[test]
fn policies() {
    let policy = |line: &str, expected: &[&str]| check(&changed("ttl = 1\n", &format!("{line}\n")), expected);
    for (line, expected) in [
        (
            "select = \"random\"",
            r#"10:10: `select` must be "rotate", "weighted", "sticky" or { sticky = { ipv4 = 24, ipv6 = 56 } }, not "random""#,
        ),
        (
            "select = 5",
            r#"10:10: `select` must be "rotate", "weighted", "sticky" or { sticky = { ipv4 = 24, ipv6 = 56 } }, not 5"#,
        ),
        ("select = { stickey = {} }", "10:12: `stickey` is no known key: did you mean `sticky`?"),
        (
            "select = {}",
            "10:10: `sticky` is missing: write { sticky = { ipv4 = 24, ipv6 = 56 } } for networks of clients",
        ),
        ("select = { sticky = { ipv4 = 33 } }", "10:30: `ipv4` must be a whole number from 0 to 32, not 33"),
        (
            "select = { sticky = { ipv6 = 129 } }",
            "10:30: `ipv6` must be a whole number from 0 to 128, not 129",
        ),
        ("select = { sticky = { ipv5 = 1 } }", "10:23: `ipv5` is no known key: did you mean `ipv4`?"),
        ("spill_below = 0", "10:15: `spill_below` must be a whole number from 1 to 64, not 0"),
        (
            "slow_start = \"10ms\"",
            r#"10:14: `slow_start` must be a duration in quotes from "1s" to "1h", such as "500ms", not "10ms""#,
        ),
        (
            "select = \"rotate\"\nslow_start = \"30s\"",
            r#"11:14: `slow_start` raises weights, which select = "rotate" ignores: take it away, or set select = "weighted""#,
        ),
        (
            "min_up = 0",
            r#"10:10: `min_up` must be a number of servers, such as 2, or a part of them in quotes, such as "50%", not 0"#,
        ),
        (
            "min_up = \"101%\"",
            r#"10:10: `min_up` must be a number of servers, such as 2, or a part of them in quotes, such as "50%", not "101%""#,
        ),
        (
            "min_up = 5",
            "10:10: `min_up` (5) is more than this cluster's 4 servers: lower it, or too few are always live",
        ),
        (
            "all_down = \"nxdomain\"",
            r#"10:12: `all_down` must be "all", "last", "servfail", "refused", "nodata" or a list of addresses in brackets, not "nxdomain""#,
        ),
        (
            "all_down = []",
            r#"10:12: `all_down` is an empty list: list addresses, or write "nodata" for an answer without any"#,
        ),
        ("all_down = [\"192.0.2.1\", \"192.0.2.1\"]", "10:26: 192.0.2.1 is listed twice: take one away"),
        (
            "all_down = [\"224.0.0.1\"]",
            "10:13: `all_down`: 224.0.0.1 is a multicast address: write the address that one machine is reached by",
        ),
    ] {
        policy(line, &[expected]);
    }
    let many = (1..=65).map(|number| format!("\"192.0.2.{number}\"")).collect::<Vec<_>>().join(", ");
    policy(
        &format!("all_down = [{many}]"),
        &["10:12: `all_down` lists 65 addresses, at most 64 are possible: take some away"],
    );
    rows(&[
        (
            "alias = \"192.168.7.9\"",
            "alias = \"192.168.7.9\"\ntier = 0",
            &["24:8: `tier` must be a whole number from 1 to 255, not 0"],
        ),
        (
            "count = 3\n",
            "count = 3\ntier = 256\n",
            &["19:8: `tier` must be a whole number from 1 to 255, not 256"],
        ),
    ]);
    // Rows of a subset by weight have room for so many.
    let with = |size: u32, count: u32, more: &str| {
        changed("answer = \"all\"", &format!("answer = {{ subset = {size} }}\n{more}"))
            .replace("count = 3\n", &format!("count = {count}\nweight = 2\n"))
    };
    assert_eq!(mistakes(&with(2, 60, "")), Vec::<String>::new());
    assert_eq!(mistakes(&with(9, 60, "select = \"rotate\"")), Vec::<String>::new());
    assert_eq!(mistakes(&with(9, 60, "").replace("weight = 2\n", "")), Vec::<String>::new());
    check(
        &with(3, 60, "select = \"weighted\""),
        &[
            "12:10: subsets of 3 of 61 addresses cannot follow weights: make the subset at most 2, or set select = \"rotate\"",
        ],
    );
    check(
        &with(3, 60, "slow_start = \"5s\"").replace("weight = 2\n", ""),
        &[
            "8:1: subsets of 3 of 61 addresses cannot follow weights: make the subset at most 2, or set select = \"rotate\"",
        ],
    );
}

#[test]
fn least_ttls() {
    rows(&[
        (
            "ttl = 1\n",
            "ttl = 10\nttl_min = 10\n",
            &[
                "11:11: `ttl_min` (10) is not below `ttl` (10): lower it, or raise `ttl` to as long as an answer may be kept at most",
            ],
        ),
        (
            "ttl = 1\n",
            "ttl_min = 1\n",
            &[
                "10:11: `ttl_min` (1) is not below `ttl` (1): lower it, or raise `ttl` to as long as an answer may be kept at most",
            ],
        ),
        (
            "ttl = 1\n",
            "ttl = 10\nttl_min = -1\n",
            &["11:11: `ttl_min` must be a whole number from 0 to 2147483647, not -1"],
        ),
    ]);
}
