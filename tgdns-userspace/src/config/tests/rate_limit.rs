use super::*;
use crate::cluster::RateLimit;

#[test]
fn how_often_a_network_is_answered() {
    let parsed = |table: &str| parse(&changed("[[view]]\n", &format!("{table}[[view]]\n")), "F").unwrap();
    for default in ["", "[dns.rate_limit]\n", "rate_limit = {}\n"] {
        assert_eq!(parsed(default).rate_limit, Some(RateLimit::default()), "{default}");
    }
    assert_eq!(parsed("rate_limit = \"off\"\n").rate_limit, None);
    let table = "[dns.rate_limit]\nresponses_per_second = 5\nslip = 0\nipv4_prefix = 32\nipv6_prefix = 64\n\
                 exempt = [\"10.0.0.0/8\"]\nexempt_private = false\n";
    let expected = RateLimit {
        responses_per_second: 5,
        slip: 0,
        ipv4_prefix: 32,
        ipv6_prefix: 64,
        exempt: vec!["10.0.0.0/8".parse().unwrap()],
        exempt_private: false,
    };
    assert_eq!(parsed(table).rate_limit, Some(expected));
}

/// Nobody could be asked over TCP.
#[test]
fn slip_needs_sockets() {
    let without = |table: &str| changed("listen = [\"0.0.0.0:53\"]\n", &format!("listen = []\n{table}"));
    for table in ["", "rate_limit = { slip = 0 }\n"] {
        let limit = parse(&without(table), "F").unwrap().rate_limit;
        assert_eq!(limit, Some(RateLimit { slip: 0, ..RateLimit::default() }), "{table}");
    }
    check(
        &without("rate_limit = { slip = 2 }\n"),
        &[
            "5:23: `slip` tells clients to ask over TCP, and `listen` is empty, so they would find nobody, or another server: take \
             it away, or listen",
        ],
    );
}

#[test]
fn mistakes_of_rate_limits() {
    let with = |table: &str, expected: &[&str]| {
        check(&changed("[[view]]\n", &format!("[dns.rate_limit]\n{table}[[view]]\n")), expected);
    };
    with(
        "responses_per_second = 0\nslip = 101\nipv4_prefix = 33\nipv6_prefix = 0\n",
        &[
            "6:24: `responses_per_second` must be a whole number from 1 to 100000, not 0",
            "7:8: `slip` must be a whole number from 0 to 100, not 101",
            "8:15: `ipv4_prefix` must be a whole number from 8 to 32, not 33",
            "9:15: `ipv6_prefix` must be a whole number from 16 to 128, not 0",
        ],
    );
    with(
        "exempt = [\"10.0.0.1\"]\nexempt_private = \"no\"\n",
        &[
            r#"6:11: `exempt`: "10.0.0.1" has no prefix length: write "10.0.0.1/32" for this one client, or the length of its network"#,
            r#"7:18: `exempt_private` must be a boolean, not "no""#,
        ],
    );
    with(
        "rate = 5\n",
        &[
            "6:1: `rate` is no known key here: the known ones are responses_per_second, slip, ipv4_prefix, ipv6_prefix, exempt, \
             exempt_private",
        ],
    );
    let many: Vec<String> = (0..33).map(|number| format!("\"10.{number}.0.0/16\"")).collect();
    with(
        &format!("exempt = [{}]\n", many.join(", ")),
        &["6:10: `exempt` has 33 networks, and there is room for 32: aggregate them"],
    );
    check(
        &changed("[[view]]\n", "rate_limit = \"on\"\n[[view]]\n"),
        &[r#"5:14: `rate_limit` must be "off" or a table [dns.rate_limit], not "on""#],
    );
}
