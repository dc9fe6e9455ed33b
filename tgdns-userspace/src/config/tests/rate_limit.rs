use super::*;
use crate::cluster::RateLimit;

#[test]
fn how_often_a_network_is_answered() {
    let parsed = |table: &str| parse(&changed("[[view]]\n", &format!("{table}[[view]]\n")), "F").unwrap();
    assert_eq!(parsed("").rate_limit, None);
    assert_eq!(parsed("[dns.rate_limit]\n").rate_limit, Some(RateLimit::default()));
    let table = "[dns.rate_limit]\nresponses_per_second = 5\nslip = 0\nipv4_prefix = 32\nipv6_prefix = 64\n\
                 exempt = [\"10.0.0.0/8\"]\n";
    let expected = RateLimit {
        responses_per_second: 5,
        slip: 0,
        ipv4_prefix: 32,
        ipv6_prefix: 64,
        exempt: vec!["10.0.0.0/8".parse().unwrap()],
    };
    assert_eq!(parsed(table).rate_limit, Some(expected));
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
        "exempt = [\"10.0.0.1\"]\n",
        &[
            r#"6:11: `exempt`: "10.0.0.1" has no prefix length: write "10.0.0.1/32" for this one client, or the length of its network"#,
        ],
    );
    with(
        "rate = 5\n",
        &[
            "6:1: `rate` is no known key here: the known ones are responses_per_second, slip, ipv4_prefix, ipv6_prefix, exempt",
        ],
    );
    let many: Vec<String> = (0..33).map(|number| format!("\"10.{number}.0.0/16\"")).collect();
    with(
        &format!("exempt = [{}]\n", many.join(", ")),
        &["6:10: `exempt` has 33 networks, and there is room for 32: aggregate them"],
    );
}
