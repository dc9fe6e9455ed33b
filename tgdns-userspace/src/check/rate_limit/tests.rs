#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::config::parse;

fn model(dns: &str, cluster: &str) -> Model {
    let text = format!(
        "interfaces = [\"eth0\"]\n[dns]\n{dns}\n[[cluster]]\nname = \"internet.intern.netz\"\nprobe.port = 443\n{cluster}"
    );
    parse(&text, "F").unwrap()
}

fn part(count: usize) -> String {
    format!("part = [{{ first = \"10.10.10.1\", count = {count} }}]")
}

#[track_caller]
fn check(dns: &str, cluster: &str, expected: &[&str]) {
    let mut told = Vec::new();
    warnings(&model(dns, cluster), &mut told);
    assert_eq!(told, expected, "{dns} {cluster}");
}

#[test]
fn warns_of_answers_that_are_worth_forging() {
    const OFF: &str = "rate_limit = \"off\"";
    let worth = |times| {
        format!(
            "internet.intern.netz: an answer over UDP has up to {times} times as many bytes as its query, which whoever forges \
             sources can turn on others; limit the answers (dns.rate_limit), unless all clients are your own"
        )
    };
    check(OFF, &part(9), &[]);
    check(OFF, &part(10), &[&worth(3)]);
    check(OFF, &part(64), &[&worth(12)]);
    check(OFF, &format!("{}\nanswer = {{ subset = 9 }}", part(64)), &[]);
    check("", &part(64), &[]);
}

#[test]
fn warns_of_who_is_exempt_and_who_is_not() {
    check("rate_limit = { exempt_private = false, exempt = [\"10.0.0.0/8\"] }", &part(2), &[]);
    check(
        "rate_limit = { exempt_private = false }",
        &part(2),
        &[
            "dns.rate_limit: no network is exempt, so your own forwarders are limited, too; list them in `exempt`",
        ],
    );
    check(
        "rate_limit = { exempt = [\"10.10.10.53/32\", \"198.51.100.53/32\", \"8.0.0.0/6\", \"fd00::/8\"] }",
        &part(2),
        &[
            "dns.rate_limit: private networks are exempt without being listed in `exempt`: take 10.10.10.53/32, fd00::/8 away",
        ],
    );
}

#[test]
fn an_answer_is_held_against_its_query() {
    for (cluster, expected) in [
        // 80 bytes with all headers, and 16 for each record.
        (part(5), 160.0 / 80.0),
        (part(64), (80.0 + 11.0 + 64.0 * 16.0) / (80.0 + 11.0)),
        (part(64) + "\nanswer = \"one\"", 96.0 / 80.0),
        ("part = [{ first = \"2001:db8::1\", count = 64 }]".to_owned(), (91.0 + 42.0 * 28.0) / 91.0),
    ] {
        let model = model("", &cluster);
        let times = amplification(&model, model.clusters.first().unwrap());
        assert!((times - expected).abs() < 1e-9, "{cluster}: {times} and not {expected}");
    }
}

#[test]
fn in_words() {
    let line = |dns: &str| line(model(dns, &part(2)).rate_limit.as_ref());
    assert_eq!(line("rate_limit = \"off\""), "answers over UDP are not limited\n");
    let start = "each /24 of IPv4 and /56 of IPv6 gets 200 answers/s over UDP, beyond that";
    assert_eq!(line("listen = []"), format!("{start} dropped; never limited: private networks\n"));
    assert_eq!(
        line("rate_limit = { slip = 1, exempt = [\"198.51.100.53/32\", \"2001:db8::/32\"] }"),
        format!("{start} sent to TCP; never limited: private networks, 198.51.100.53/32, 2001:db8::/32\n")
    );
    assert_eq!(
        line("rate_limit = { exempt_private = false }"),
        format!("{start} dropped, but one of 2 sent to TCP\n")
    );
}
