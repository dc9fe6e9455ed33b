use std::sync::Arc;

use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use tokio_rustls::rustls::pki_types::ServerName;

use super::*;
use crate::{
    cluster::Trust,
    tls::authority::{Authority, Certificate},
};

const TIMEOUT: Duration = Duration::from_millis(500);
const NAME: &str = "www.example.com";
const DAY: Duration = Duration::from_secs(86_400);
/// A certificate that is good for years.
const YEARS: i64 = 3_000;

#[tokio::test]
async fn certificates_are_judged() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (trusting, www) = (ours.trusted(), [NAME]);
    for (what, certificate, trust, expected) in [
        ("good", ours.signed(&www, YEARS), &trusting, ""),
        ("for several names", ours.signed(&["a.example.com", NAME], YEARS), &trusting, ""),
        (
            "another name",
            ours.signed(&["a.example.com", "b.example.com"], YEARS),
            &trusting,
            "certificate is for a.example.com, b.example.com, not for www.example.com",
        ),
        (
            "no name",
            ours.signed(&[], YEARS),
            &trusting,
            "certificate is for no name, not for www.example.com",
        ),
        ("another CA", theirs.signed(&www, YEARS), &trusting, "certificate is of an unknown CA"),
        ("expired", ours.signed(&www, -2), &trusting, "certificate has expired 2 days ago"),
        (
            "a CA's own",
            ours.own(),
            &trusting,
            "certificate is a CA's own, which no server may use: have one signed by it",
        ),
        ("another CA and name, unverified", theirs.signed(&["a.example.com"], YEARS), &Trust::Anybody, ""),
        ("expired, unverified", ours.signed(&www, -2), &Trust::Anybody, ""),
    ] {
        let told = match ask(trust, Behaviour::Serve(certificate)).await {
            Outcome::Success { .. } => String::new(),
            Outcome::Failure { cause, .. } => cause,
        };
        assert_eq!(told, expected, "{what}");
    }
}

#[tokio::test]
async fn an_early_end_is_warned_of_and_no_failure() {
    let ours = Authority::new("ours");
    for (days, trust, expected) in [
        (15, ours.trusted(), None),
        (13, ours.trusted(), Some("certificate expires on ")),
        (-1, Trust::Anybody, Some("certificate has expired on ")),
    ] {
        let outcome = ask(&trust, Behaviour::Serve(ours.signed(&[NAME], days))).await;
        assert!(outcome.is_success(), "{days} days: {outcome:?}");
        let warning = outcome.report().warning.as_deref();
        match expected {
            None => assert_eq!(warning, None, "{days} days"),
            Some(start) => {
                assert!(warning.is_some_and(|told| told.starts_with(start)), "{days}: {warning:?}")
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_told_in_words() {
    for (behaviour, expected) in [
        (Behaviour::Say("220 mail.example.com ESMTP\r\n"), "server does not speak TLS"),
        (Behaviour::Close, "connection closed during the TLS handshake"),
        (Behaviour::Nothing, "timed out after 500ms during the TLS handshake"),
        // The head of a record whose rest never comes.
        (Behaviour::Say("\u{16}\u{3}\u{3}\u{0}\u{50}"), "timed out after 500ms during the TLS handshake"),
    ] {
        let what = format!("{behaviour:?}");
        assert_eq!(ask(&Trust::Anybody, behaviour).await, Outcome::failure(expected), "{what}");
    }
}

async fn ask(trust: &Trust, behaviour: Behaviour) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let destination = Destination::at(&listener.local_addr().expect("bound").to_string());
    let serving = tokio::spawn(behaviour.serve(listener));
    let tls = Tls {
        server_name: ServerName::try_from(NAME).expect("a name"),
        trust: trust.clone(),
        expiry_warning: 14 * DAY,
    };
    let client = Client::new(Arc::default());
    let outcome = probe(&tls, &client, &destination, TIMEOUT).await.expect("a verdict");
    serving.abort();
    outcome
}

/// How a server meets its one client.
#[derive(Debug)]
enum Behaviour {
    Serve(Certificate),
    Say(&'static str),
    Close,
    Nothing,
}

impl Behaviour {
    async fn serve(self, listener: TcpListener) {
        let (mut stream, _) = listener.accept().await.expect("a client");
        match self {
            Self::Serve(certificate) => {
                // A client that refuses the certificate leaves.
                let _ = certificate.acceptor().accept(stream).await;
            }
            Self::Say(words) => {
                stream.write_all(words.as_bytes()).await.expect("sent");
                std::future::pending().await
            }
            Self::Close => {
                // With unread bytes it would be a reset.
                stream.readable().await.expect("a hello");
                let mut hello = [0; 4096];
                stream.try_read(&mut hello).expect("a hello");
            }
            Self::Nothing => std::future::pending().await,
        }
    }
}
