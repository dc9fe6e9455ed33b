//! The keys of the kinds of probes.

use super::*;

/// What stands in `[cluster.probe]`, from line 5 on, and every mistake in it.
#[track_caller]
fn check_probe(written: &str, expected: &[&str]) {
    let text = format!(
        "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"www.example.com\"\n[cluster.probe]\n{written}\n\
         [[cluster.part]]\nfirst = \"10.10.10.100\"\ncount = 2\n"
    );
    check(&text, expected);
}

#[test]
fn mistakes_of_http() {
    for (written, expected) in [
        ("method = \"PUT\"", r#"`method` must be "GET", "HEAD", "OPTIONS" or "POST", not "PUT""#),
        (
            "path = \"health\"",
            r#"`path` must be a path in quotes, such as "/health?from=tgdns", not "health""#,
        ),
        ("path = \"/a b\"", r#"`path` must be a path in quotes, such as "/health?from=tgdns", not "/a b""#),
        (
            "path = \"/a#b\"",
            r##"`path`: "/a#b" has a '#', whose rest no server gets: write %23, or end before"##,
        ),
        (
            "path = \"*\"",
            r#"`path` can be "*" for OPTIONS alone: set method = "OPTIONS", or write a path from "/""#,
        ),
        (
            "host = \"a b\"",
            r#"`host` must be a host in quotes, such as "www.example.com" or "www.example.com:8080", not "a b""#,
        ),
        (
            "host = \"me@a\"",
            r#"`host` must be a host in quotes, such as "www.example.com" or "www.example.com:8080", not "me@a""#,
        ),
        ("headers = 1", r#"`headers` must be a table, such as { X-Probe = "tgdns" }, not 1"#),
        (
            "headers = { X-Probe = 1 }",
            "`X-Probe` must be a text in quotes, of printable ASCII characters, not 1",
        ),
        ("headers = { Host = \"a\" }", "`Host`: write it as the probe's own key `host`"),
        (
            "headers = { Connection = \"a\" }",
            "`Connection`: this header is the connection's own: take it away",
        ),
        ("headers = { \"a b\" = \"a\" }", r#"`a b` must be a header's name, such as X-Probe, not "a b""#),
        (
            "status = 99",
            r#"`status` must be a status from 100 to 599, or a range in quotes such as "200-299", not 99"#,
        ),
        (
            "status = \"2xx\"",
            r#"`status` must be a status from 100 to 599, or a range in quotes such as "200-299", not "2xx""#,
        ),
        (
            "status = [200, \"299-200\"]",
            r#"each of `status` must be a status from 100 to 599, or a range in quotes such as "200-299", not "299-200""#,
        ),
        ("status = []", "`status` is empty, so no response would do: list some, or take it away"),
        ("body = \"\"", r#"`body` must be a text in quotes, or { regex = "…" }, not """#),
        ("body = {}", r#"`regex` is missing: write { regex = "^ok$" }, or a text in quotes"#),
        ("body = { regx = \"a\" }", "`regx` is no known key: did you mean `regex`?"),
        ("body = { regex = \"(a\" }", r#"`regex`: "(a" is no regular expression: unclosed group"#),
        (
            "body = { regex = \"\\\\w{9999}\" }",
            r#"`regex`: "\\w{9999}" is no regular expression: Compiled regex exceeds size limit of 1048576 bytes."#,
        ),
        (
            "verify = false",
            r#"a probe of type "http" has no `verify`: take it away, or set type = "https" or "tls""#,
        ),
    ] {
        check_one(&format!("type = \"http\"\n{written}"), expected);
    }
    check_one(
        "type = \"http\"\nmethod = \"HEAD\"\nbody = \"a\"",
        "`body` can't match, as no body answers HEAD: set method = \"GET\", or take it away",
    );
    // What was wrong is told once.
    check_probe(
        "type = \"http\"\nmethod = \"get\"\npath = \"*\"\nstatus = [1]",
        &[
            r#"6:10: `method` must be "GET", "HEAD", "OPTIONS" or "POST", not "get""#,
            r#"8:11: each of `status` must be a status from 100 to 599, or a range in quotes such as "200-299", not 1"#,
        ],
    );
}

#[test]
fn mistakes_of_tls() {
    let directory = std::env::temp_dir().join(format!("tgdns-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let absent = directory.join("absent.pem").display().to_string();
    let key = file("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let broken = file("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let empty = file("empty.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (written, expected) in [
        ("verify = 0".to_owned(), "`verify` must be a boolean, not 0".to_owned()),
        (
            "server_name = \"a b\"".to_owned(),
            r#"`server_name` must be a name in quotes, such as "www.example.com", or an address, not "a b""#
                .to_owned(),
        ),
        (
            "expiry_warning = \"soon\"".to_owned(),
            r#"`expiry_warning` must be a duration in quotes from "0s" to "1year", such as "500ms", not "soon""#
                .to_owned(),
        ),
        (
            "ca = \"ca.pem\"".to_owned(),
            r#"`ca` must be an absolute path in quotes, such as "/var/lib/tgdns", not "ca.pem""#.to_owned(),
        ),
        (
            format!("ca = {absent:?}"),
            format!("`ca`: {absent} can't be read: No such file or directory (os error 2)"),
        ),
        (
            format!("ca = {key:?}"),
            format!(
                "`ca`: {key} has no certificate in it: write it in PEM form (-----BEGIN CERTIFICATE-----)"
            ),
        ),
        (format!("ca = {broken:?}"), format!("`ca`: {broken} is no PEM file: base64 decode error: InvalidCharacter(33)")),
        (
            format!("ca = {empty:?}"),
            format!("`ca`: {empty} has a certificate that can't be used, number 1: invalid peer certificate: BadEncoding"),
        ),
        (
            "status = 200".to_owned(),
            r#"a probe of type "tls" has no `status`: take it away, or set type = "http" or "https""#.to_owned(),
        ),
    ] {
        check_one(&format!("type = \"tls\"\nport = 443\n{written}"), &expected);
    }
    check_one(
        &format!("type = \"tls\"\nport = 443\nverify = false\nca = {absent:?}"),
        "`ca` is of no use as `verify` is false: take one of them away",
    );
    check_probe("type = \"tls\"", &["4:1: `port` is missing: give the TCP port of the service, such as 443"]);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn mistakes_of_dns_and_icmp() {
    for (written, expected) in [
        (
            "query = \"a..b\"",
            r#"`query` must be a DNS name in quotes, such as "example.com" or ".", not "a..b""#,
        ),
        (
            "query = \"a\"\nquery_type = \"AXFR\"",
            r#"`query_type` must be a type of record in quotes, such as "SOA", "A" or "TYPE65", not "AXFR""#,
        ),
        ("query = \"a\"\ntransport = \"tls\"", r#"`transport` must be "udp" or "tcp", not "tls""#),
        (
            "query = \"a\"\nrcode = [\"YES\"]",
            r#"each of `rcode` must be "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED" or "NOTAUTH", not "YES""#,
        ),
        ("query = \"a\"\nrcode = []", "`rcode` is empty, so no reply would do: list some, or take it away"),
        (
            "query = \"a\"\nquery_type = \"A\"\nexpect_address = \"a\"",
            r#"`expect_address` must be an address in quotes, such as "192.0.2.1" or "2001:db8::1", not "a""#,
        ),
        (
            "query = \"a\"\nexpect_address = \"192.0.2.1\"",
            r#"`expect_address` can't be in an answer of type SOA: set query_type = "A", or take it away"#,
        ),
        (
            "query = \"a\"\nquery_type = \"A\"\nexpect_address = \"2001:db8::1\"",
            r#"`expect_address` can't be in an answer of type A: set query_type = "AAAA", or take it away"#,
        ),
    ] {
        check_one(&format!("type = \"dns\"\n{written}"), expected);
    }
    check_probe(
        "type = \"dns\"",
        &["4:1: `query` is missing: give the name to ask for, such as that of a zone that the server has"],
    );
    check_one(
        "type = \"icmp\"\nport = 7",
        r#"a probe of type "icmp" has no `port`: take it away, or set type = "tcp", "http", "https", "tls", "dns", "exec" or "agent""#,
    );
}

/// A mistake in the value of the last line, or in a part of it.
#[track_caller]
fn check_one(written: &str, expected: &str) {
    let line = 4 + written.lines().count();
    let told = {
        let text = format!(
            "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"www.example.com\"\n[cluster.probe]\n{written}\n\
             [[cluster.part]]\nfirst = \"10.10.10.100\"\ncount = 2\n"
        );
        mistakes(&text)
    };
    let told: Vec<(&str, &str)> = told.iter().filter_map(|mistake| mistake.split_once(": ")).collect();
    let [(place, message)] = told.as_slice() else { panic!("{written}: {told:?}") };
    assert_eq!(*message, expected, "{written}");
    assert!(place.starts_with(&format!("{line}:")), "{written}: {place}");
}
