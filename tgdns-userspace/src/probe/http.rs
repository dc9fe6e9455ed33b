//! Does the server answer an HTTP request as it should?
//!
//! Each probe has a connection of its own, so that it proves that the server takes new ones. A body is read only where
//! it must match, and no further than [`LONGEST_BODY`].

mod cause;

#[cfg(test)]
mod tests;

use std::{future::pending, io, time::Duration};

use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Destination,
    deadline::{Deadline, Failure},
    tls,
};
use crate::{cluster::Http, health::Outcome};

/// A body's bytes behind these are not looked at.
const LONGEST_BODY: usize = 64 << 10;

const USER_AGENT: &str = concat!("tgdns/", env!("CARGO_PKG_VERSION"));

/// Sends one request.
pub(super) async fn probe(
    http: &Http,
    client: &tls::Client,
    destination: &Destination,
    timeout: Duration,
) -> io::Result<Outcome> {
    let deadline = Deadline::starts_now(timeout);
    deadline.judge(prove(http, client, destination, &deadline).await)
}

async fn prove(
    http: &Http,
    client: &tls::Client,
    destination: &Destination,
    deadline: &Deadline,
) -> Result<Option<String>, Failure> {
    let stream = deadline.connect(destination).await?;
    let Some(tls) = &http.tls else {
        exchange(http, stream, deadline).await?;
        return Ok(None);
    };
    let (stream, warning) = client.handshake(tls, stream, deadline).await?;
    exchange(http, stream, deadline).await?;
    Ok(warning)
}

async fn exchange(
    http: &Http,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    deadline: &Deadline,
) -> Result<(), Failure> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(cause::failure)?;
    // Whatever ends the connection, the response tells it.
    let drive = async {
        let _ = connection.await;
        pending().await
    };
    tokio::select! {
        result = converse(http, sender, deadline) => result,
        () = drive => Ok(()),
    }
}

async fn converse(
    http: &Http,
    mut sender: SendRequest<Empty<Bytes>>,
    deadline: &Deadline,
) -> Result<(), Failure> {
    let response = async { sender.send_request(request(http)).await.map_err(cause::failure) };
    let response = deadline.step("while waiting for the response's head", response).await?;
    let status = response.status().as_u16();
    if !http.status.contains(status) {
        return Err(Failure::Server(format!("status {status}, wanted {}", http.status)));
    }
    let Some(wanted) = &http.body else { return Ok(()) };
    let body = deadline.step("while reading the body", body(response)).await?;
    if wanted.is_in(&body) {
        return Ok(());
    }
    let extent = match body.len() {
        LONGEST_BODY => format!("first {LONGEST_BODY} bytes of the body lack"),
        _ => "body lacks".to_owned(),
    };
    Err(Failure::Server(format!("status {status}, but the {extent} {wanted}")))
}

fn request(http: &Http) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = http.method.clone();
    *request.uri_mut() = http.path.clone();
    let headers = request.headers_mut();
    headers.insert(header::HOST, http.host.clone());
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if http.method == Method::POST {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    for (name, value) in &http.headers {
        headers.insert(name, value.clone());
    }
    request
}

/// As much of the body as is looked at.
async fn body(mut response: Response<Incoming>) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while body.len() < LONGEST_BODY
        && let Some(frame) = response.frame().await
    {
        let frame = frame.map_err(cause::failure)?;
        if let Some(data) = frame.data_ref() {
            let room = LONGEST_BODY - body.len();
            body.extend_from_slice(data.get(..room).unwrap_or(data));
        }
    }
    Ok(body)
}
