//! Serves the clients on a thread of its own: what many of them take in time, the event loop does not lose.

use std::{io, os::unix::net::UnixListener as StdListener, pin::pin, sync::Arc, thread, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use futures_util::{FutureExt as _, future::Abortable};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    runtime,
    sync::{mpsc, oneshot},
    task::{JoinSet, coop::unconstrained, spawn_blocking, yield_now},
    time::timeout,
};

use super::{
    Call, Reply, STOPPING,
    places::{Place, Places},
};

/// A request's line, its end included.
pub(super) const LONGEST_REQUEST: u64 = 64 * 1024;
pub(super) const CLIENTS_AT_ONCE: usize = 128;
/// A client that asks nothing, or does not take its reply, for so long is shown out.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait after the kernel refused a connection, for want of descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Of a reply, what one client is sent before the others have their turns.
const PIECE: usize = 64 * 1024;
/// What a client is told whose request was taken.
pub(super) const STOPPED: &str =
    "tgdns run has stopped before it replied: a change may have taken effect even so";
/// At the end a request is read if it has been sent by then.
const LAST_WORD: Duration = Duration::from_millis(50);
/// So long at most the end takes, for the sake of those who do not take their replies.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// The thread. It ends when nobody receives the calls any more.
#[derive(Debug)]
pub struct Server(thread::JoinHandle<()>);

impl Server {
    /// Serves those who connect to the listener, and hands their calls on. The thread has what the caller has given up.
    ///
    /// # Errors
    /// There can be no other thread, or none that waits for sockets.
    pub fn start(listener: StdListener, calls: mpsc::Sender<Call>) -> Result<Self> {
        let cannot = "cannot serve the control socket";
        let runtime = runtime::Builder::new_current_thread().enable_all().build().context(cannot)?;
        let listener = {
            let _entered = runtime.enter();
            UnixListener::from_std(listener).context(cannot)?
        };
        let serve = move || runtime.block_on(serve(listener, calls));
        Ok(Self(thread::Builder::new().name("control".to_owned()).spawn(serve).context(cannot)?))
    }

    /// Waits until everybody who has asked is told something, once nobody receives the calls any more.
    pub async fn ended(self) {
        // What broke it is on stderr.
        let _ = spawn_blocking(|| self.0.join()).await;
    }
}

/// Serves clients until nobody receives their calls any more.
pub(super) async fn serve(listener: UnixListener, calls: mpsc::Sender<Call>) {
    let mut places = Arc::new(Places::new(CLIENTS_AT_ONCE));
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => welcome(stream, &calls, &places, &mut clients).await,
                Err(error) => pause(&error).await,
            },
            Some(_left) = clients.join_next() => {}
            () = calls.closed() => break,
        }
    }
    // None of those who have connected already loses its place to another.
    places = Arc::new(Places::new(CLIENTS_AT_ONCE));
    let dismiss = async {
        // Of this task's turn more may have been used up than accepting all would be allowed.
        while let Some(Ok((stream, _))) = unconstrained(listener.accept()).now_or_never() {
            welcome(stream, &calls, &places, &mut clients).await;
        }
        drop(listener);
        while clients.join_next().await.is_some() {}
    };
    // Whoever does not take its reply has none.
    let _ = timeout(LAST_PATIENCE, dismiss).await;
}

async fn pause(error: &io::Error) {
    tracing::warn!("cannot accept a control client: {error}");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

async fn welcome(
    stream: UnixStream,
    calls: &mpsc::Sender<Call>,
    places: &Arc<Places>,
    clients: &mut JoinSet<Result<(), futures_util::future::Aborted>>,
) {
    let calls = calls.clone();
    let (mut place, registration) = places.take().await;
    let conversation = async move {
        if let Err(error) = converse(stream, &calls, &mut place).await {
            tracing::debug!("control client: {error:#}");
        }
    };
    clients.spawn(Abortable::new(conversation, registration));
}

async fn converse(mut stream: UnixStream, calls: &mpsc::Sender<Call>, place: &mut Place) -> Result<()> {
    let (input, mut output) = stream.split();
    let mut input = BufReader::new(input);
    loop {
        let line = request(&mut input, calls).await?;
        if line.is_empty() {
            return Ok(());
        }
        place.is_busy();
        let too_long = line.len() as u64 == LONGEST_REQUEST && !line.ends_with(b"\n");
        let reply = if too_long {
            Err(anyhow!("the request is longer than {LONGEST_REQUEST} bytes"))
        } else {
            answer(&line, calls).await
        };
        let reply = reply.unwrap_or_else(|error| Reply::error(&error));
        place.is_idle();
        timeout(PATIENCE, send(&mut output, &reply)).await.context("did not take the reply")??;
        if too_long || calls.is_closed() {
            return Ok(());
        }
    }
}

/// The next line, as far as it may be long; an empty one at the end.
async fn request(input: &mut (impl AsyncBufRead + Unpin), calls: &mpsc::Sender<Call>) -> Result<Vec<u8>> {
    let mut read = pin!(async {
        let mut line = Vec::new();
        input.take(LONGEST_REQUEST).read_until(b'\n', &mut line).await.map(|_length| line)
    });
    let line = tokio::select! {
        line = timeout(PATIENCE, &mut read) => line.context("asked nothing")?,
        () = calls.closed() => timeout(LAST_WORD, &mut read).await.context(STOPPING)?,
    };
    Ok(line?)
}

async fn answer(line: &[u8], calls: &mpsc::Sender<Call>) -> Result<Reply> {
    let request = serde_json::from_slice(line)
        .context("not a request: ask one per line, {\"command\":\"status\"} or {\"command\":\"stats\"}")?;
    let (reply, answered) = oneshot::channel();
    calls.send(Call { request, reply }).await.ok().context(STOPPING)?;
    tokio::select! {
        biased;
        told = answered => told.ok().context(STOPPED)?,
        // Who could have replied may still be there.
        () = calls.closed() => Err(anyhow!(STOPPED)),
    }
}

/// In pieces: a short reply need not wait until all long ones are sent.
async fn send(output: &mut (impl AsyncWrite + Unpin), Reply(line): &Reply) -> Result<()> {
    for piece in line.chunks(PIECE) {
        output.write_all(piece).await?;
        yield_now().await;
    }
    Ok(())
}
