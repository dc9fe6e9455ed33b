//! The program's own log of frames that it did not answer, for debugging (feature `log-frames`).

use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya_log::EbpfLogger;
use tokio::io::unix::AsyncFd;

/// Passes the program's records on to this process' log, from a task of the running runtime.
pub(super) fn log(ebpf: &mut Ebpf) -> Result<()> {
    let logger = EbpfLogger::init(ebpf).context("the object has no log: was it built with the feature?")?;
    let mut records = AsyncFd::new(logger)?;
    tokio::spawn(async move {
        while let Ok(mut ready) = records.readable_mut().await {
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
    });
    Ok(())
}
