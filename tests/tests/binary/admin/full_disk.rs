//! The disk of the state directory is full.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{program, wait};

use super::done;
use crate::{
    host::{Host, IPV4, LIVE, NAME, Setup},
    question::ips,
};

const AT_MOST: Duration = Duration::from_secs(10);
const UNSAVED: &str = "cannot save the servers' health";

/// A small disk, until its run ends, which unmounts it.
struct SmallDisk {
    filler: PathBuf,
}

impl SmallDisk {
    fn mount(directory: &Path) -> Result<Self> {
        fs::create_dir(directory)?;
        let path = directory.to_str().context("a path that is no text")?;
        program::run("mount", &["-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", path])?;
        Ok(Self { filler: directory.join("filler") })
    }

    /// Until there is room for not one more byte.
    fn fill(&self) -> Result<()> {
        let mut file = File::create(&self.filler)?;
        loop {
            match file.write_all(&[0; 512]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("filling the disk"),
            }
        }
    }

    fn make_room(&self) -> Result<()> {
        fs::remove_file(&self.filler).context("making room")
    }
}

#[test]
fn nothing_is_changed_and_what_is_found_is_saved_when_there_is_room() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    let state = host.path("state");
    let disk = SmallDisk::mount(&state)?;
    host.start()?;
    done(&host.tgdns(&["drain", "internet-3"])?)?;
    let client = host.client(LIVE[0], IPV4)?;
    wait::until("the file", AT_MOST, || is_saved(&host, 1, "up"))?;

    disk.fill()?;
    let before = fs::read(state.join("admin.json"))?;
    let output = host.tgdns(&["drain", "internet-2"])?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    ensure!(error.contains("nothing was changed: No space left on device"), "{error}");
    assert_eq!(fs::read(state.join("admin.json"))?, before);
    assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE)?);
    let status: Value = serde_json::from_str(&done(&host.tgdns(&["status", "--json"])?)?)?;
    assert_eq!(status["clusters"][0]["servers"][1]["admin"], "ready");

    // What probes find counts at once, and is told once to be unsaved, however often that is tried.
    host.stop_server(1);
    wait::until("the right answer", AT_MOST, || {
        let found = client.addresses(NAME, RecordType::A)?;
        Ok(if found == ips(&LIVE[..1])? { Ok(()) } else { Err(anyhow!("{found:?}")) })
    })?;
    for _ in 0..3 {
        let before = changed_at(&state)?;
        wait::until("an attempt", AT_MOST, || {
            Ok(if changed_at(&state)? == before { Err(anyhow!("{}", host.log())) } else { Ok(()) })
        })?;
    }
    assert_eq!(host.log().matches(UNSAVED).count(), 1, "{}", host.log());
    is_saved(&host, 1, "up")??;

    disk.make_room()?;
    wait::until("the file", AT_MOST, || is_saved(&host, 1, "down"))?;
    wait::until("the log", AT_MOST, || {
        let log = host.log();
        Ok(if log.contains("the servers' health is saved again") { Ok(()) } else { Err(anyhow!("{log}")) })
    })?;
    assert_eq!(host.log().matches(UNSAVED).count(), 1, "{}", host.log());
    done(&host.tgdns(&["maint", "internet-2"])?)?;
    ensure!(fs::read_to_string(state.join("admin.json"))?.contains("internet-2"));
    Ok(())
}

/// Whether the file has a server's health so, by its place.
fn is_saved(host: &Host, server: usize, health: &str) -> Result<Result<()>> {
    let text = fs::read_to_string(host.path("state/health.json")).unwrap_or_default();
    let saved: Value = serde_json::from_str(&text).unwrap_or_default();
    let found = &saved["clusters"][NAME][format!("internet-{}", server + 1)]["health"];
    Ok(if found == health { Ok(()) } else { Err(anyhow!("{text}\n{}", host.log())) })
}

/// When a name in a directory came or went last, in seconds and nanoseconds.
fn changed_at(directory: &Path) -> Result<(i64, i64)> {
    let found = fs::metadata(directory)?;
    Ok((found.mtime(), found.mtime_nsec()))
}
