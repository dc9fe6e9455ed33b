use std::time::Instant;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{
    cluster::{Tls, Trust},
    tls::authority::{Authority, Certificate},
};

const TIMEOUT: Duration = Duration::from_secs(5);
const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Takes one request and answers it, or never does.
struct Server {
    listener: TcpListener,
    certificate: Option<Certificate>,
    response: Option<&'static str>,
}

impl Server {
    async fn new(response: Option<&'static str>, certificate: Option<Certificate>) -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self { listener, certificate, response }, address)
    }

    async fn serve(self) -> String {
        let (stream, _) = self.listener.accept().await.unwrap();
        match self.certificate {
            None => answer(stream, self.response).await,
            Some(certificate) => match certificate.acceptor().accept(stream).await {
                Ok(stream) => answer(stream, self.response).await,
                Err(_) => String::new(),
            },
        }
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, response: Option<&str>) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "{request:?}");
    }
    let Some(response) = response else { return std::future::pending().await };
    stream.write_all(response.as_bytes()).await.unwrap();
    // A client that has heard enough leaves.
    let _ = stream.shutdown().await;
    String::from_utf8(request).unwrap()
}

fn post(url: &str, tls: Option<(&str, Trust)>) -> Post {
    let url: Uri = url.parse().unwrap();
    let host = url.host().unwrap().to_owned().try_into().unwrap();
    let tls = tls.map(|(name, trust)| Tls {
        server_name: name.to_owned().try_into().unwrap(),
        trust,
        expiry_warning: Duration::ZERO,
    });
    Post::new(Webhook { url, host, tls }, Arc::default())
}

async fn told(server: Server, mut post: Post, timeout: Duration) -> (Result<(), String>, String) {
    let serving = tokio::spawn(server.serve());
    let outcome = post.send(b"{\"event\":\"down\"}".to_vec(), timeout).await;
    let request = if outcome.is_ok() { serving.await.unwrap() } else { String::new() };
    (outcome, request)
}

#[tokio::test]
async fn a_request_has_all_that_a_server_needs() {
    let (server, address) = Server::new(Some(OK), None).await;
    let port = address.port();
    let (outcome, request) =
        told(server, post(&format!("http://127.0.0.1:{port}/a/b?c=d"), None), TIMEOUT).await;
    assert_eq!(outcome, Ok(()));
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "{\"event\":\"down\"}");
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "POST /a/b?c=d HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nuser-agent: tgdns/{version}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: 16"
    );
    assert_eq!(head, expected);
}

#[tokio::test]
async fn a_name_is_looked_up() {
    let (server, address) = Server::new(Some(OK), None).await;
    let (outcome, request) =
        told(server, post(&format!("http://localhost:{}", address.port()), None), TIMEOUT).await;
    assert_eq!(outcome, Ok(()));
    assert!(request.starts_with("POST / HTTP/1.1\r\nhost: localhost:"), "{request}");
    let mut unknown = post("http://tgdns.invalid/", None);
    let cause = unknown.send(Vec::new(), Duration::from_secs(30)).await.unwrap_err();
    assert!(cause.starts_with("cannot look up its name: "), "{cause}");
    assert!(unknown.lookup.is_none());
}

#[tokio::test]
async fn only_2xx_is_a_success() {
    for (response, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all", Ok(())),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", Ok(())),
        ("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", Err("status 301")),
        ("HTTP/1.1 404 Not Found\r\n\r\n", Err("status 404")),
        ("HTTP/1.1 500 Broken\r\n\r\n", Err("status 500")),
        ("SSH-2.0-OpenSSH_9.2p1\r\n", Err("what came is no HTTP response")),
        ("", Err("connection closed before the whole response came")),
    ] {
        let (server, address) = Server::new(Some(response), None).await;
        let (outcome, _) = told(server, post(&format!("http://{address}/"), None), TIMEOUT).await;
        assert_eq!(outcome, expected.map_err(str::to_owned), "{response}");
    }
}

#[tokio::test]
async fn what_does_not_answer_is_given_up() {
    let timeout = Duration::from_millis(200);
    let start = Instant::now();
    let (server, address) = Server::new(None, None).await;
    let (outcome, _) = told(server, post(&format!("http://{address}/"), None), timeout).await;
    assert_eq!(outcome.unwrap_err(), "timed out after 200ms while waiting for the response's head");
    let (server, address) = Server::new(None, None).await;
    let tls = Some(("localhost", Trust::Anybody));
    let (outcome, _) = told(server, post(&format!("https://{address}/"), tls), timeout).await;
    assert_eq!(outcome.unwrap_err(), "timed out after 200ms during the TLS handshake");
    assert!(start.elapsed() < TIMEOUT);
    let (server, address) = Server::new(None, None).await;
    drop(server);
    let cause = post(&format!("http://{address}/"), None).send(Vec::new(), TIMEOUT).await.unwrap_err();
    assert_eq!(cause, "connection refused");
}

#[tokio::test]
async fn certificates_are_verified() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for (certificate, expected) in [
        (ours.signed(&["a.test"], 90), Ok(())),
        (theirs.signed(&["a.test"], 90), Err("certificate is of an unknown CA")),
        (ours.signed(&["a.test"], -2), Err("certificate has expired 2 days ago")),
        (ours.signed(&["b.test"], 90), Err("certificate is for b.test, not for a.test")),
    ] {
        let (server, address) = Server::new(Some(OK), Some(certificate)).await;
        let post = post(&format!("https://{address}/"), Some(("a.test", ours.trusted())));
        let (outcome, request) = told(server, post, TIMEOUT).await;
        assert_eq!(outcome, expected.map_err(str::to_owned));
        assert_eq!(request.starts_with("POST / HTTP/1.1\r\n"), outcome.is_ok(), "{request}");
    }
}
