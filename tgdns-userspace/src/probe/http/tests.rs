use std::sync::Arc;

use hyper::header::HeaderName;
use regex::bytes::Regex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::cluster::{ByteRegex, Pattern, StatusSet};

const TIMEOUT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn responses_are_judged() {
    let text = |text: &str| Some(Pattern::Text(text.to_owned()));
    let regex = |text| Some(Pattern::Regex(ByteRegex(Regex::new(text).expect("a regex"))));
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nall well";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n4\r\nwell\r\n0\r\n\r\n";
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}late", "x".repeat(LONGEST_BODY));
    for (response, status, body, expected) in [
        (ok, "200-299", None, ""),
        (ok, "204", None, "status 200, wanted 204"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "200-299", None, ""),
        ("HTTP/1.0 200\r\n\r\n", "200-299", None, ""),
        ("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "200-299", None, "status 301, wanted 200-299"),
        ("HTTP/1.1 503 Busy\r\n\r\n", "200-299", text("all"), "status 503, wanted 200-299"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "200-299", None, ""),
        (ok, "200-299", text("all well"), ""),
        (chunked, "200-299", text("all well"), ""),
        (chunked, "200-299", regex("^all (good|well)$"), ""),
        ("HTTP/1.1 200 OK\r\n\r\nall well", "200-299", text("well"), ""),
        (ok, "200-299", text("ill"), "status 200, but the body lacks \"ill\""),
        (ok, "200-299", regex("^well"), "status 200, but the body lacks /^well/"),
        (
            &endless,
            "200-299",
            text("late"),
            "status 200, but the first 65536 bytes of the body lack \"late\"",
        ),
        ("SSH-2.0-OpenSSH_9.2p1\r\n", "200-299", None, "what came is no HTTP response"),
        ("", "200-299", None, "connection closed before the whole response came"),
        ("HTTP/1.1 200 OK\r\nContent", "200-299", None, "connection closed before the whole response came"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall well",
            "200-299",
            text("all"),
            "connection closed before the whole response came",
        ),
    ] {
        let http = Http { status: statuses(status), body, ..plain() };
        let (outcome, _) = ask(&http, &[response], Duration::ZERO).await;
        let start = &response[..response.len().min(80)];
        assert_eq!(told(outcome), expected, "{start:?}, {http:?}");
    }
}

/// Whatever drips in, the time is that of the whole probe.
#[tokio::test]
async fn dripping_ends_at_the_timeout() {
    let head = ["HTTP/1.1 200 OK\r\n", "A: b\r\n", "A: b\r\n", "A: b\r\n", "A: b\r\n", "\r\n"];
    let body = ["HTTP/1.1 200 OK\r\n\r\n", "a", "b", "c", "d", "e", "f"];
    let wanted = Some(Pattern::Text("f".to_owned()));
    for (parts, body, expected) in [
        (&head[..], None, "timed out after 300ms while waiting for the response's head"),
        (&body, wanted, "timed out after 300ms while reading the body"),
        // Nobody waits for a body that nobody wants.
        (&body, None, ""),
    ] {
        let http = Http { body, ..plain() };
        let started = std::time::Instant::now();
        let (outcome, _) = ask(&http, parts, TIMEOUT / 4).await;
        assert_eq!(told(outcome), expected);
        assert!(started.elapsed() < 2 * TIMEOUT, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn requests_are_as_configured() {
    let user_agent = format!("user-agent: tgdns/{}\r\n", env!("CARGO_PKG_VERSION"));
    let ordinary = format!("host: www.example.com\r\n{user_agent}accept: */*\r\nconnection: close\r\n");
    let own_agent = ordinary.replace(&user_agent, "user-agent: mine\r\n");
    let header =
        |name: &str, value| (name.parse::<HeaderName>().expect("a name"), HeaderValue::from_static(value));
    for (method, path, headers, expected) in [
        (Method::GET, "/", vec![], format!("GET / HTTP/1.1\r\n{ordinary}\r\n")),
        (Method::HEAD, "/a?b=c", vec![], format!("HEAD /a?b=c HTTP/1.1\r\n{ordinary}\r\n")),
        (Method::OPTIONS, "*", vec![], format!("OPTIONS * HTTP/1.1\r\n{ordinary}\r\n")),
        (Method::POST, "/", vec![], format!("POST / HTTP/1.1\r\n{ordinary}content-length: 0\r\n\r\n")),
        (
            Method::GET,
            "/",
            vec![header("x-probe", "1"), header("user-agent", "mine")],
            format!("GET / HTTP/1.1\r\n{own_agent}x-probe: 1\r\n\r\n"),
        ),
    ] {
        let path = path.parse().expect("a path");
        let http = Http { method, path, headers, ..plain() };
        let (outcome, request) = ask(&http, &["HTTP/1.1 200 OK\r\n\r\n"], Duration::ZERO).await;
        assert_eq!((told(outcome).as_str(), request), ("", expected));
    }
}

/// What came of one request to a server that sends some parts of a response with a pause behind each and closes; and
/// the request.
async fn ask(http: &Http, parts: &[&str], pause: Duration) -> (Outcome, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let destination = Destination::at(&listener.local_addr().expect("bound").to_string());
    let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.expect("a request");
        request.truncate(length);
        for part in parts {
            // The client may have heard enough.
            let _ = stream.write_all(part.as_bytes()).await;
            tokio::time::sleep(pause).await;
        }
        String::from_utf8(request).expect("text")
    });
    let client = Client::new(Arc::default());
    let outcome = probe(http, &client, &destination, TIMEOUT).await.expect("a verdict");
    (outcome, serving.await.expect("no panic"))
}

fn told(outcome: Outcome) -> String {
    match outcome {
        Outcome::Success { .. } => String::new(),
        Outcome::Failure { cause, .. } => cause,
    }
}

fn plain() -> Http {
    Http {
        method: Method::GET,
        path: "/".parse().expect("a path"),
        host: HeaderValue::from_static("www.example.com"),
        headers: Vec::new(),
        status: StatusSet::default(),
        body: None,
        tls: None,
    }
}

fn statuses(text: &str) -> StatusSet {
    StatusSet(vec![StatusSet::parse_range(text).expect("a range")])
}
