//! Does the server complete a TLS handshake, and is its certificate good?

use std::{io, time::Duration};

use tokio::io::AsyncWriteExt as _;

use super::{
    Destination,
    deadline::{Deadline, Failure},
};
use crate::{cluster::Tls, health::Outcome, tls::Client};

/// Tries one handshake.
pub(super) async fn probe(
    tls: &Tls,
    client: &Client,
    destination: &Destination,
    timeout: Duration,
) -> io::Result<Outcome> {
    let deadline = Deadline::starts_now(timeout);
    deadline.judge(prove(tls, client, destination, &deadline).await)
}

async fn prove(
    tls: &Tls,
    client: &Client,
    destination: &Destination,
    deadline: &Deadline,
) -> Result<Option<String>, Failure> {
    let stream = deadline.connect(destination).await?;
    let (mut stream, warning) = client.handshake(tls, stream, deadline).await?;
    // A server that misses the farewell may log an error; one that does not take it has proved enough.
    let _: Result<_, Failure> = deadline.step("", async { Ok(stream.shutdown().await) }).await;
    Ok(warning)
}

#[cfg(test)]
mod tests;
