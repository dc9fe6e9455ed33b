//! Does the server answer an HTTP request as it should?
//!
//! Each probe has a connection of its own, so that it proves that the server takes new ones. A body is read only where
//! it must match, and no further than [`LONGEST_BODY`].

use std::{io, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
};

use super::{
    Destination,
    deadline::{Deadline, Failure},
};
use crate::{
    cluster::Http,
    health::Outcome,
    http::{USER_AGENT, exchange, failure},
    tls::Client,
};

/// A body's bytes behind these are not looked at.
const LONGEST_BODY: usize = 64 << 10;

/// Sends one request.
pub(super) async fn probe(
    http: &Http,
    client: &Client,
    destination: &Destination,
    timeout: Duration,
) -> io::Result<Outcome> {
    let deadline = Deadline::starts_now(timeout);
    deadline.judge(prove(http, client, destination, &deadline).await)
}

async fn prove(
    http: &Http,
    client: &Client,
    destination: &Destination,
    deadline: &Deadline,
) -> Result<Option<String>, Failure> {
    let stream = deadline.connect(destination).await?;
    let judge = |response| judge(http, response, deadline);
    let Some(tls) = &http.tls else {
        exchange(request(http), stream, deadline, judge).await?;
        return Ok(None);
    };
    let (stream, warning) = client.handshake(tls, stream, deadline).await?;
    exchange(request(http), stream, deadline, judge).await?;
    Ok(warning)
}

async fn judge(http: &Http, response: Response<Incoming>, deadline: &Deadline) -> Result<(), Failure> {
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

fn request(http: &Http) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
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
        let frame = frame.map_err(failure)?;
        if let Some(data) = frame.data_ref() {
            let room = LONGEST_BODY - body.len();
            body.extend_from_slice(data.get(..room).unwrap_or(data));
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
