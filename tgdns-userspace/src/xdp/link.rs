//! The link between the program and an interface, and its pin.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use aya::programs::{
    Xdp,
    links::{FdLink, PinnedLink},
    xdp::{XdpLink, XdpMode as Flags},
};

use crate::cluster::XdpMode;

mod attachment;
mod refusal;

pub use attachment::{Attachment, attachment};

const PREFIX: &str = "link-";

/// The kernel detaches a program some time after its link's last pin went, mostly within a millisecond.
const DETACHING: Duration = Duration::from_secs(2);

/// What `attach` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// There was no program of ours on the interface.
    Anew,
    /// The program took its predecessor's place in the pinned link; no frame was missed.
    Replaced,
    /// The predecessor was attached in another mode, and some frames were missed.
    Switched { from: XdpMode },
}

/// Where an interface's link is pinned. The BPF file system has no names with a dot (`bpf_lookup` in kernel/bpf/inode.c), so
/// `eth0.100` is written `eth0%2e100`, and a percent sign `%25`.
pub fn path(pin_directory: &Path, interface: &str) -> PathBuf {
    pin_directory.join(format!("{PREFIX}{}", interface.replace('%', "%25").replace('.', "%2e")))
}

/// The interface whose link is pinned by this name, if it is one.
fn interface_of(pin: &str) -> Option<String> {
    Some(pin.strip_prefix(PREFIX)?.replace("%2e", ".").replace("%25", "%"))
}

/// The links that are pinned in a directory: interface and path of each.
///
/// # Errors
/// The directory can't be read; one that does not exist holds none.
pub fn pinned(pin_directory: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(pin_directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", pin_directory.display())),
    };
    let mut links = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(interface) = interface_of(&entry.file_name().to_string_lossy()) {
            links.push((interface, entry.path()));
        }
    }
    links.sort();
    Ok(links)
}

/// The kernel's number of the program that a pinned link holds.
///
/// # Errors
/// The pin can't be opened.
pub fn program_id(path: &Path) -> Result<u32> {
    let link = FdLink::from(open(path)?);
    Ok(link.info().with_context(|| format!("cannot ask for the link {}", path.display()))?.program_id())
}

/// Whether an interface's program is the one that its pinned link holds. A pin outlives its device, and then holds a program
/// that sees no frame.
pub fn is_attached(pin_directory: &Path, interface: &str) -> bool {
    let held = program_id(&path(pin_directory, interface)).ok();
    let attached = attachment(interface).ok().flatten().map(|attached| attached.program_id);
    held.is_some() && held == attached
}

/// Removes a link's pin, and waits until its program is off the interface.
pub(super) fn detach(interface: &str, path: &Path) -> Result<()> {
    // What can't be opened is removed all the same.
    let held = program_id(path).ok();
    fs::remove_file(path).with_context(|| format!("cannot remove the pin {}", path.display()))?;
    let until = Instant::now() + DETACHING;
    // Of an interface that is gone, or of another network namespace, nothing can be told.
    while let (Some(held), Ok(Some(attached))) = (held, attachment(interface))
        && attached.program_id == held
    {
        if Instant::now() > until {
            bail!(
                "the kernel keeps the program on {interface} although its pin {} is removed",
                path.display()
            );
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

pub(super) fn attach(
    program: &mut Xdp,
    interface: &str,
    mode: XdpMode,
    pin_directory: &Path,
) -> Result<Attached> {
    let path = path(pin_directory, interface);
    let mut before = None;
    if path.exists() {
        match replace(program, interface, mode, &path)? {
            Replaced::Yes => return Ok(Attached::Replaced),
            Replaced::Gone => {}
            Replaced::OtherMode(other) => before = Some(other),
        }
        detach(interface, &path)?;
    }
    match attach_anew(program, interface, mode, &path) {
        Ok(()) => Ok(before.map_or(Attached::Anew, |from| Attached::Switched { from })),
        Err(error) => {
            // What answered before goes on answering, as it did.
            if let Some(before) = before
                && let Err(lost) = attach_anew(program, interface, before, &path)
            {
                tracing::error!(interface, "the fast path could not be attached as it was before: {lost:#}");
            }
            Err(error)
        }
    }
}

fn attach_anew(program: &mut Xdp, interface: &str, mode: XdpMode, path: &Path) -> Result<()> {
    let flags = match mode {
        XdpMode::Native => Flags::Driver,
        XdpMode::Generic => Flags::Skb,
        XdpMode::Off => bail!("xdp_mode is \"off\": nothing is to be attached"),
    };
    let id =
        program.attach(interface, flags).map_err(|error| refusal::explain(error, interface, mode, path))?;
    let link = FdLink::try_from(program.take_link(id)?)
        .map_err(|_| anyhow!("the kernel gave no BPF link for {interface}: is it older than 5.9?"))?;
    link.pin(path).with_context(|| format!("cannot pin the link at {}", path.display()))?;
    tracing::info!(interface, mode = mode.as_str(), "attached the fast path");
    Ok(())
}

enum Replaced {
    Yes,
    /// The link is on no interface, or on one that is gone.
    Gone,
    /// It is attached in a mode that is not wanted.
    OtherMode(XdpMode),
}

/// Puts the program in the place of the one that the pinned link holds, where the link is of use.
fn replace(program: &mut Xdp, interface: &str, mode: XdpMode, path: &Path) -> Result<Replaced> {
    let held = program_id(path)?;
    let now = match attachment(interface)? {
        Some(now) if now.program_id == held => now,
        Some(_) | None => {
            tracing::warn!(interface, "the pinned link holds no program on the interface: attaching anew");
            return Ok(Replaced::Gone);
        }
    };
    if now.mode != mode {
        tracing::warn!(
            interface,
            mode = mode.as_str(),
            "the pinned link is of another XDP mode: attaching anew"
        );
        return Ok(Replaced::OtherMode(now.mode));
    }
    let link = XdpLink::try_from(FdLink::from(open(path)?))
        .map_err(|_| anyhow!("the pin {} is no link of an XDP program: remove it", path.display()))?;
    let id =
        program.attach_to_link(link).context("the kernel does not replace the program in the pinned link")?;
    // The pin keeps the link; the program would detach it when it is dropped.
    drop(program.take_link(id)?);
    tracing::info!(interface, "replaced the program in the pinned link");
    Ok(Replaced::Yes)
}

fn open(path: &Path) -> Result<PinnedLink> {
    PinnedLink::from_pin(path).with_context(|| format!("cannot open the pin {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_tell_their_interfaces() {
        for (interface, pin) in [
            ("eth0", "link-eth0"),
            ("eth0.100", "link-eth0%2e100"),
            ("a%2eb", "link-a%252eb"),
            ("%.%", "link-%25%2e%25"),
        ] {
            let path = path(Path::new("/sys/fs/bpf/tgdns"), interface);
            assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(pin));
            assert_eq!(interface_of(pin).as_deref(), Some(interface));
        }
        assert_eq!(interface_of("ANSWERS"), None);
    }
}
