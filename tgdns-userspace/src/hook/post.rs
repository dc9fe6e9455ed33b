//! A hook that is an HTTP server.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, Uri,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
};
use tokio::{
    net::{TcpStream, lookup_host},
    task::JoinHandle,
};

use crate::{
    cluster::Webhook,
    deadline::{Deadline, Failure},
    http::{USER_AGENT, exchange},
    tls::{Client, Roots},
};

/// Posts to one server.
pub(super) struct Post {
    webhook: Webhook,
    client: Client,
    /// The system's resolver cannot be hurried: a look-up that outlasts one request is waited for by the next, so that no
    /// more than one thread is taken.
    lookup: Option<JoinHandle<io::Result<Vec<SocketAddr>>>>,
}

impl Post {
    pub(super) fn new(webhook: Webhook, roots: Arc<Roots>) -> Self {
        Self { webhook, client: Client::new(roots), lookup: None }
    }

    /// # Errors
    /// Why the server may not have got it, for people.
    pub(super) async fn send(&mut self, json: Vec<u8>, timeout: Duration) -> Result<(), String> {
        let deadline = Deadline::starts_now(timeout);
        self.deliver(json, &deadline).await.map_err(|failure| match failure {
            Failure::Own(error) => error.to_string(),
            Failure::Server(cause) => cause,
        })
    }

    async fn deliver(&mut self, json: Vec<u8>, deadline: &Deadline) -> Result<(), Failure> {
        let addresses = deadline.step("while looking up its name", self.addresses()).await?;
        let connection = async { TcpStream::connect(&*addresses).await.map_err(Failure::of_socket) };
        let stream = deadline.step("while connecting", connection).await?;
        let request = request(&self.webhook.url, json);
        let Some(tls) = &self.webhook.tls else { return exchange(request, stream, deadline, judge).await };
        let (stream, _) = self.client.handshake(tls, stream, deadline).await?;
        exchange(request, stream, deadline, judge).await
    }

    async fn addresses(&mut self) -> Result<Vec<SocketAddr>, Failure> {
        let Webhook { url, host, tls } = &self.webhook;
        let host = host.to_str();
        let port = url.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let name = (host.into_owned(), port);
        let lookup = self
            .lookup
            .get_or_insert_with(|| tokio::spawn(async move { Ok(lookup_host(name).await?.collect()) }));
        let found = lookup.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        self.lookup = None;
        found.map_err(|error| Failure::Server(format!("cannot look up its name: {error}")))
    }
}

fn request(url: &Uri, json: Vec<u8>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from(json));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
    let headers = request.headers_mut();
    // What a URL has as its authority is fit for a header.
    let host = url.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    headers.extend(host.map(|host| (header::HOST, host)));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    request
}

async fn judge(response: Response<Incoming>) -> Result<(), Failure> {
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(Failure::Server(format!("status {}", status.as_u16()))) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
