//! Why the kernel does not attach the program, and what to do about it.

use std::{collections::BTreeSet, fs, path::Path};

use aya::programs::{ProgramError, links::LinkType, loaded_links, loaded_programs};

use super::{Attachment, attachment, program_id};
use crate::{cluster::XdpMode, ethtool, xdp::PROGRAM};

/// Where `pin_dir` is by default, and mostly.
const BPF_FILE_SYSTEM: &str = "/sys/fs/bpf";

/// What VLAN devices call their driver (`vlan_fullname` in net/8021q/vlan.c).
const VLAN_DRIVER: &str = "802.1Q VLAN Support";

/// An error for people; `path` is where the link was to be pinned.
pub(super) fn explain(error: ProgramError, interface: &str, mode: XdpMode, path: &Path) -> anyhow::Error {
    let text = match errno(&error) {
        Some(libc::EBUSY | libc::EEXIST) => {
            let other = attachment(interface).ok().flatten();
            occupied(interface, other.map(|other| Occupant::find(other, path)).as_ref())
        }
        number => refused(number, interface, mode, ethtool::driver(interface).as_deref()),
    };
    anyhow::Error::new(error).context(text)
}

/// Whatever the number, a driver has its own reasons against native mode, and generic mode needs nothing of it.
fn refused(number: Option<i32>, interface: &str, mode: XdpMode, driver: Option<&str>) -> String {
    let plain = format!("cannot attach the fast path to {interface}");
    match (number, mode) {
        (Some(libc::EPERM | libc::EACCES), _) => {
            format!("{plain}: run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON")
        }
        (Some(libc::ENODEV), _) => format!("{plain}: the interface is gone, correct `interfaces`"),
        (Some(_), XdpMode::Native) if driver == Some(VLAN_DRIVER) => format!(
            "the driver {VLAN_DRIVER} of {interface} refuses native mode, as it has none: list the interface below it, on which \
             this VLAN's addresses are answered, or set xdp_mode = \"generic\""
        ),
        (Some(_), XdpMode::Native) => {
            let driver = driver.unwrap_or("(unnamed)");
            format!(
                "the driver {driver} of {interface} refuses native mode: it has none, or not with this MTU (`ip link show \
                 {interface}`), with large receive offload (`ethtool -K {interface} lro off`, of virtio_net also `ethtool -K \
                 {interface} gro-hw off`) or with so few free queues (`ethtool -l {interface}`). Change that, or set xdp_mode \
                 = \"generic\", or \"off\""
            )
        }
        (_, XdpMode::Native | XdpMode::Generic | XdpMode::Off) => plain,
    }
}

/// Whose program is attached already.
struct Occupant {
    attachment: Attachment,
    name: Option<String>,
    /// Where not even that can be told, it may be.
    by_link: Option<bool>,
    /// Of a tgdns with other pins.
    pin_directory: Option<String>,
}

impl Occupant {
    fn find(attachment: Attachment, path: &Path) -> Self {
        let id = attachment.program_id;
        let programs = loaded_programs().flatten();
        let name = programs
            .filter(|program| program.id() == id)
            .find_map(|program| program.name_as_str().filter(|name| !name.is_empty()).map(str::to_owned));
        let links: Result<Vec<_>, _> = loaded_links().collect();
        let by_link = links.ok().map(|links| {
            links.iter().any(|link| link.program_id() == id && link.link_type().ok() == Some(LinkType::Xdp))
        });
        Self { attachment, name, by_link, pin_directory: pin_directory_of(id, path) }
    }
}

fn occupied(interface: &str, occupant: Option<&Occupant>) -> String {
    let by_hand = format!("with `ip link set dev {interface} xdp off`");
    let by_link = "by ending the process that holds its link, or removing the link's pin (`bpftool link show` has both)";
    let Some(Occupant { attachment, name, by_link: has_link, pin_directory }) = occupant else {
        return format!("another XDP program is attached to {interface}: remove it first, {by_hand}");
    };
    let remedy = match (name.as_deref(), pin_directory, has_link) {
        (_, Some(directory), _) => {
            format!("it is tgdns's own, with another pin_dir: stop that one, then `tgdns detach --pin-dir {directory}`")
        }
        (Some(PROGRAM), None, _) => {
            "it is tgdns's own, with another pin_dir: stop that one, then `tgdns detach --pin-dir DIRECTORY` with the \
             directory that `bpftool link show --bpffs` tells"
                .to_owned()
        }
        (_, None, Some(false)) => format!("remove it first, {by_hand}, or what its own tool says"),
        (_, None, Some(true)) => format!("remove it first with its own tool, or {by_link}"),
        (_, None, None) => format!("remove it first, {by_hand}, or {by_link}"),
    };
    let name = name.as_ref().map_or_else(String::new, |name| format!("{name}, "));
    format!(
        "another XDP program is attached to {interface} ({name}id {}, {} mode): {remedy}",
        attachment.program_id,
        attachment.mode.as_str()
    )
}

/// The directory beside ours, or in the usual place, where a link of this name holds that program.
fn pin_directory_of(program: u32, path: &Path) -> Option<String> {
    let name = path.file_name()?;
    let beside = path.parent().and_then(Path::parent);
    let places = BTreeSet::from_iter(beside.into_iter().chain([Path::new(BPF_FILE_SYSTEM)]));
    let directories = places.into_iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
    let found = directories.map(|entry| entry.path()).find(|directory| {
        let pin = directory.join(name);
        pin.exists() && program_id(&pin).ok() == Some(program)
    });
    found.map(|directory| directory.display().to_string())
}

fn errno(error: &ProgramError) -> Option<i32> {
    if let ProgramError::UnknownInterface { .. } = error {
        return Some(libc::ENODEV);
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(number) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error) {
            return Some(number);
        }
        source = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of include/linux/errno.h; drivers return it, although it is not for userspace.
    const ENOTSUPP: i32 = 524;

    #[test]
    fn whatever_a_driver_says_against_native_mode_generic_is_offered() {
        for number in
            [libc::EOPNOTSUPP, libc::EINVAL, libc::ERANGE, libc::ENOMEM, libc::ENOSPC, libc::E2BIG, ENOTSUPP]
        {
            let text = refused(Some(number), "eth0", XdpMode::Native, Some("virtio_net"));
            for piece in [
                "the driver virtio_net of eth0 refuses native mode",
                "`ip link show eth0`",
                "`ethtool -K eth0 lro off`",
                "`ethtool -K eth0 gro-hw off`",
                "set xdp_mode = \"generic\", or \"off\"",
            ] {
                assert!(text.contains(piece), "{number}: {piece:?} is missing in: {text}");
            }
        }
        for (number, mode, expected) in [
            (libc::EPERM, XdpMode::Native, "run as root"),
            (libc::ENODEV, XdpMode::Native, "the interface is gone"),
            (libc::ENOMEM, XdpMode::Generic, "cannot attach the fast path to eth0"),
        ] {
            let text = refused(Some(number), "eth0", mode, None);
            assert!(text.contains(expected) && !text.contains("xdp_mode"), "{number}: {text}");
        }
    }

    #[test]
    fn the_remedy_depends_on_who_holds_the_program() {
        let own = "`tgdns detach --pin-dir /sys/fs/bpf/old`";
        for (name, by_link, pin_directory, expected, never) in [
            ("filter", Some(false), None, "`ip link set dev eth0 xdp off`", "bpftool"),
            ("filter", Some(true), None, "`bpftool link show`", "xdp off"),
            ("filter", None, None, "`ip link set dev eth0 xdp off`, or by ending the process", "pin-dir"),
            ("tgdns", Some(true), Some("/sys/fs/bpf/old".to_owned()), own, "xdp off"),
            ("tgdns", None, None, "`tgdns detach --pin-dir DIRECTORY`", "xdp off"),
        ] {
            let attachment = Attachment { program_id: 7, mode: XdpMode::Native };
            let told = format!("{name} {by_link:?}");
            let occupant = Occupant { attachment, name: Some(name.to_owned()), by_link, pin_directory };
            let text = occupied("eth0", Some(&occupant));
            assert!(text.starts_with("another XDP program is attached to eth0 ("), "{told}: {text}");
            assert!(text.contains(&format!("({name}, id 7, native mode)")), "{told}: {text}");
            assert!(text.contains(expected) && !text.contains(never), "{told}: {text}");
        }
    }
}
