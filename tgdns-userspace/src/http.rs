//! One HTTP request over a connection of its own.

mod cause;

use std::future::pending;

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::deadline::{Deadline, Failure};
pub(crate) use cause::failure;

/// How this program calls itself.
pub(crate) const USER_AGENT: &str = concat!("tgdns/", env!("CARGO_PKG_VERSION"));

/// Sends the request, and has the response judged once its head is there; what follows comes while it is judged.
pub(crate) async fn exchange<T, Judgement: Future<Output = Result<T, Failure>>>(
    request: Request<Full<Bytes>>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    deadline: &Deadline,
    judge: impl FnOnce(Response<Incoming>) -> Judgement,
) -> Result<T, Failure> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(failure)?;
    // Whatever ends the connection, the response tells it.
    let drive = async {
        let _ = connection.await;
        pending().await
    };
    let converse = async {
        let response = async { sender.send_request(request).await.map_err(failure) };
        judge(deadline.step("while waiting for the response's head", response).await?).await
    };
    tokio::select! {
        result = converse => result,
        never = drive => never,
    }
}
