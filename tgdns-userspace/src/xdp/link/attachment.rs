//! What is attached to an interface, as the kernel tells through rtnetlink.

use std::thread;

use anyhow::{Context as _, Result, anyhow};
use futures_util::TryStreamExt as _;
use netlink_packet_route::link::{LinkAttribute, LinkXdp, XdpAttached};

use crate::cluster::XdpMode;

/// The XDP program of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The kernel's number.
    pub program_id: u32,
    pub mode: XdpMode,
}

impl Attachment {
    /// By what the kernel tells of a link.
    pub(crate) fn of(attributes: &[LinkXdp]) -> Option<Self> {
        let mut mode = None;
        let mut program_id = None;
        for attribute in attributes {
            if let LinkXdp::Attached(attached) = attribute {
                // Programs in hardware, or in several modes at once, are nothing that tgdns attaches.
                mode = if *attached == XdpAttached::Driver {
                    Some(XdpMode::Native)
                } else if *attached == XdpAttached::SocketBuffer {
                    Some(XdpMode::Generic)
                } else {
                    None
                };
            }
            if let LinkXdp::ProgId(id) = attribute {
                program_id = Some(*id);
            }
        }
        Some(Self { program_id: program_id?, mode: mode? })
    }
}

/// The XDP program of an interface, if one is attached.
///
/// # Errors
/// The interface does not exist, or the kernel can't be asked.
pub fn attachment(interface: &str) -> Result<Option<Attachment>> {
    // A thread of its own, as the caller may be in a runtime; it inherits the network namespace.
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(ask(interface))
        });
        asking.join().map_err(|_| anyhow!("asking the kernel for {interface} panicked"))?
    })
}

async fn ask(interface: &str) -> Result<Option<Attachment>> {
    let (connection, handle, _) = rtnetlink::new_connection().context("cannot open a netlink socket")?;
    tokio::spawn(connection);
    let mut links = handle.link().get().match_name(interface.to_owned()).execute();
    let link = links.try_next().await.with_context(|| format!("cannot ask the kernel for {interface}"))?;
    let attributes = link.with_context(|| format!("there is no interface {interface}"))?.attributes;
    let xdp = attributes
        .into_iter()
        .find_map(|attribute| if let LinkAttribute::Xdp(xdp) = attribute { Some(xdp) } else { None });
    Ok(xdp.and_then(|xdp| Attachment::of(&xdp)))
}
