//! Servers in rows, how they are counted, and how many there may be.

use super::*;

#[test]
fn counting_out_of_bounds() {
    rows(&[
        (
            r#""10.10.10.100""#,
            r#""10.10.10.254""#,
            &[
                r#"17:9: `first`: counting 3 addresses from 10.10.10.254 reaches 10.10.11.0, outside of 10.10.10.0/24; start lower, count fewer, or write the network's own prefix, such as "10.10.10.254/23""#,
            ],
        ),
        (
            r#""192.168.1.100""#,
            r#""192.168.1.254""#,
            &[
                r#"19:9: `alias`: counting 3 addresses from 192.168.1.254 reaches 192.168.2.0, outside of 192.168.1.0/24; start lower, count fewer, or write the network's own prefix, such as "192.168.1.254/22""#,
            ],
        ),
        (
            r#""192.168.1.100""#,
            r#"["192.168.1.100", "fd00::ffff:ffff:ffff:fffe"]"#,
            &[
                r#"19:27: `alias`: counting 3 addresses from fd00::ffff:ffff:ffff:fffe reaches fd00:0:0:1::, outside of fd00::/64; start lower, count fewer, or write the network's own prefix, such as "fd00::ffff:ffff:ffff:fffe/63""#,
            ],
        ),
        (
            r#""192.168.1.100""#,
            r#"{ lan = "192.168.1.254" }"#,
            &[
                r#"19:17: `alias`: counting 3 addresses from 192.168.1.254 reaches 192.168.2.0, outside of 192.168.1.0/24; start lower, count fewer, or write the network's own prefix, such as "192.168.1.254/22""#,
            ],
        ),
        (
            r#""10.10.10.100""#,
            r#""10.10.10.254/30""#,
            &[
                r#"17:9: `first`: counting 3 addresses from 10.10.10.254 reaches 10.10.11.0, outside of 10.10.10.252/30; start lower, count fewer, or write the network's own prefix, such as "10.10.10.254/23""#,
            ],
        ),
        (
            r#""10.10.10.100""#,
            r#""255.255.255.254/8""#,
            &[
                "17:9: `first`: counting 3 addresses from 255.255.255.254 runs past the end of the IPv4 address space: start lower or count fewer",
            ],
        ),
        (
            r#""192.168.1.100""#,
            r#""223.255.255.254/1""#,
            &[
                "19:9: `alias`: counting from 223.255.255.254 reaches 224.0.0.0, which is a multicast address: write the address that one machine is reached by",
            ],
        ),
    ]);
}

#[test]
fn counting_tables() {
    let written = |alias: &str| changed("\"192.168.1.100\"", alias);
    for (alias, expected) in [
        (
            "{ base = \"192.168.1.1\", step = -1 }",
            "19:18: `alias`: counting 3 addresses from 192.168.1.1 by -1 reaches 192.168.0.255, outside of 192.168.1.0/24; start higher, count fewer, or write the network's own prefix, such as \"192.168.1.1/23\"",
        ),
        (
            "{ base = \"192.168.1.1\", step = 0 }",
            "19:40: `step` must be a whole number from -4294967296 to 4294967296 and not 0, such as -1 to count backwards, not 0",
        ),
        ("{ base = \"192.168.1.1\", stepp = 2 }", "19:33: `stepp` is no known key: did you mean `step`?"),
        (
            "{ base = \"192.168.1.1\", lan = \"192.168.1.2\" }",
            "19:33: `lan` is no known key here: the known ones are base, step, skip, each",
        ),
        ("{ step = -1 }", "19:9: `base` is missing: give the alias of the part's first server"),
        (
            "{ lan = { skip = [\"192.168.1.1\"] } }",
            "19:17: `base` is missing: give the alias of the part's first server",
        ),
        (
            "{ lan = { base = 5 } }",
            "19:26: `base` must be an address in quotes, such as \"10.10.10.100\" or \"fd00::100\", not 5",
        ),
        (
            "{ base = \"192.168.1.100\", skip = [\"192.168.1.103\"] }",
            "19:43: 192.168.1.103 is none of those counted from 192.168.1.100 to 192.168.1.102: take it away",
        ),
        (
            "{ base = \"192.168.1.100\", skip = [\"192.168.1.101\", \"192.168.1.101\"] }",
            "19:60: 192.168.1.101 is skipped twice: take one away",
        ),
        (
            "{ base = \"192.168.1.100\", each = [\"192.168.1.1\"] }",
            "19:42: `each` lists the aliases, so none is counted: take away either `each`, or `base`, `step` and `skip`",
        ),
        (
            "{ each = [\"192.168.1.1\", \"none\"] }",
            "19:18: `each` has 2 aliases for 3 servers: give one for each, \"none\" for who has none",
        ),
        (
            "{ each = [\"192.168.1.1\", \"own\", \"none\"] }",
            "19:34: each of `each` must be an address in quotes, such as \"10.10.10.100\", or \"none\", not \"own\"",
        ),
        (
            "\"none\"",
            "19:9: `alias` is \"none\", so that no client is told of it: take the server away, or tell the views: { lan = \"none\" }",
        ),
        (
            "{ base = \"192.168.1.253/24\" }",
            "19:18: `alias`: counting from 192.168.1.253 reaches 192.168.1.255, which is the broadcast address in 192.168.1.0/24: name it in `skip`, or count elsewhere",
        ),
        (
            "\"192.168.0.0/23\"",
            "19:9: `alias`: counting from 192.168.0.0 reaches 192.168.0.0, which is the network's own address in 192.168.0.0/23: name it in `skip`, or count elsewhere",
        ),
        (
            "\"fd00::/64\"",
            "19:9: `alias`: counting from fd00:: reaches fd00::, which is the routers' anycast address in fd00::/64: name it in `skip`, or count elsewhere",
        ),
    ] {
        check(&written(alias), &[expected]);
    }
}

#[test]
fn holes_in_parts() {
    rows(&[
        (
            "count = 3\n",
            "count = 3\nskip = [\"10.10.10.103\"]\n",
            &["19:9: 10.10.10.103 is none of those counted from 10.10.10.100 to 10.10.10.102: take it away"],
        ),
        (
            "count = 3\n",
            "count = 1\nskip = [\"10.10.10.100\"]\n",
            &["19:8: `skip` names all addresses of this part: take the part away, or skip fewer"],
        ),
        (
            "first = \"10.10.10.100\"\ncount = 3",
            "first = \"10.10.10.1\"\ncount = 3\nstep = -1",
            &[
                "17:9: `first`: counting 3 addresses from 10.10.10.1 by -1 reaches 10.10.9.255, outside of 10.10.10.0/24; start higher, count fewer, or write the network's own prefix, such as \"10.10.10.1/22\"",
            ],
        ),
        (
            "first = \"10.10.10.100\"\ncount = 3",
            "first = \"1.0.0.1/0\"\ncount = 3\nstep = -16777215",
            &[
                "17:9: `first`: counting 3 addresses from 1.0.0.1 by -16777215 runs past the beginning of the IPv4 address space: start higher or count fewer",
            ],
        ),
    ]);
}

#[test]
fn too_many_servers() {
    rows(&[(
        "count = 3",
        "count = 64",
        &["8:1: this cluster has 65 servers, at most 64 are possible: move some to another cluster"],
    )]);
}
