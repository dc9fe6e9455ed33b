//! The program's own log of frames that it did not answer, for debugging (feature `log-frames`).

use std::time::Duration;

use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya_log::EbpfLogger;

/// Soon enough for whoever reads along; tokio's `AsyncFd` would wake at once, but takes `unsafe` to set up.
const EVERY: Duration = Duration::from_millis(50);

/// Passes the program's records on to this process' log, from a task of the running runtime.
pub(super) fn log(ebpf: &mut Ebpf) -> Result<()> {
    let mut logger =
        EbpfLogger::init(ebpf).context("the object has no log: was it built with the feature?")?;
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            logger.flush();
        }
    });
    Ok(())
}
