//! A wire to a device under test: frames are sent and received as they are.

use std::{
    io::{self, ErrorKind},
    mem,
    os::fd::AsRawFd as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use super::{
    link::connect,
    namespace::Namespace,
    run::Run,
    verdict::{Verdict, VerdictProgram},
};

/// The names of both ends.
pub const CLIENT_INTERFACE: &str = "client0";
pub const DEVICE_INTERFACE: &str = "eth0";
const LONGEST_FRAME: usize = 16 * 1024;
const ETHERNET_ADDRESSES: usize = 12;

/// A veth pair between two namespaces. The program under test goes onto [`DEVICE_INTERFACE`]; at the other
/// end an XDP program passes every frame, so that what is sent back arrives, in native mode, too.
pub struct Wire {
    pub device: Namespace,
    pub client: Namespace,
    socket: Socket,
    device_socket: Socket,
    // Last, so that it removes the namespaces when all else is gone.
    _run: Run,
}

impl Wire {
    /// The client's frames need no address of its own: it sees all that come back.
    ///
    /// The device has the hardware address; its kernel has no IP address until one is given to it.
    pub fn new(run: Run, device_address: [u8; 6]) -> Result<Self> {
        let client = Namespace::new(&run, "client")?;
        let device = Namespace::new(&run, "device")?;
        // Neighbour discovery of either kernel would be received as if it were an answer.
        client.set("net/ipv6/conf/default/disable_ipv6", "1")?;
        device.set("net/ipv6/conf/default/disable_ipv6", "1")?;
        connect(&client, CLIENT_INTERFACE, &device, DEVICE_INTERFACE)?;
        let address = device_address.map(|byte| format!("{byte:02x}")).join(":");
        device.run("ip", &["link", "set", "dev", DEVICE_INTERFACE, "address", &address])?;
        VerdictProgram::load(&run, Verdict::Pass)?.attach(&client, CLIENT_INTERFACE)?;
        let open = |namespace: &Namespace, interface: &'static str| {
            namespace.enter(|| packet_socket(interface))?.context("opening a packet socket")
        };
        let (socket, device_socket) = (open(&client, CLIENT_INTERFACE)?, open(&device, DEVICE_INTERFACE)?);
        Ok(Self { device, client, socket, device_socket, _run: run })
    }

    /// Sends a whole frame, from the Ethernet header on, without a checksum sequence.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let sent = self.socket.send(frame).context("sending a frame")?;
        ensure!(sent == frame.len(), "only {sent} of {} bytes were sent", frame.len());
        Ok(())
    }

    /// The next frame that comes back, VLAN tags included; `None` where there is none in time.
    pub fn receive(&self, at_most: Duration) -> Result<Option<Vec<u8>>> {
        receive(&self.socket, at_most)
    }

    /// The next frame that reaches the device's kernel; `None` where there is none in time.
    pub fn receive_at_device(&self, at_most: Duration) -> Result<Option<Vec<u8>>> {
        receive(&self.device_socket, at_most)
    }

    /// Sends a frame, and returns what comes back until nothing has come for `quiet`.
    pub fn exchange(&self, frame: &[u8], quiet: Duration) -> Result<Vec<Vec<u8>>> {
        self.send(frame)?;
        let mut frames = Vec::new();
        while let Some(frame) = self.receive(quiet)? {
            frames.push(frame);
        }
        Ok(frames)
    }
}

/// The next frame that comes in at a packet socket; `None` where there is none in time.
pub(super) fn receive(socket: &Socket, at_most: Duration) -> Result<Option<Vec<u8>>> {
    let until = Instant::now() + at_most;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left)).context("setting a timeout")?;
        match receive_frame(socket) {
            Ok(frame) => return Ok(Some(frame)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error).context("receiving a frame"),
        }
    }
}

/// A socket that sees all frames that come in at an interface, and none that go out.
pub(super) fn packet_socket(interface: &str) -> Result<Socket> {
    let every_protocol = (libc::ETH_P_ALL as u16).to_be();
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(every_protocol))))?;
    set_packet_option(&socket, libc::PACKET_IGNORE_OUTGOING)?;
    set_packet_option(&socket, libc::PACKET_AUXDATA)?;
    let index = nix::net::if_::if_nametoindex(interface)?;
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: the storage is larger than a `sockaddr_ll` and aligned for every socket address.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = every_protocol;
    address.sll_ifindex = index.cast_signed();
    // SAFETY: the address was just written, and has this length.
    let address = unsafe { SockAddr::new(storage, mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t) };
    socket.bind(&address)?;
    Ok(socket)
}

fn set_packet_option(socket: &Socket, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = mem::size_of_val(&on) as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes from `on`, which lives through the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, (&raw const on).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Receives a frame as it was on the wire: the kernel takes the outer VLAN tag out and tells it apart.
fn receive_frame(socket: &Socket) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; LONGEST_FRAME];
    let mut control = [0_u64; 16];
    let mut vector = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() };
    // SAFETY: all zeros is a valid `msghdr`.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = mem::size_of_val(&control);
    // SAFETY: `message` points to buffers of the lengths that it says, which live through the call.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    frame.truncate(usize::try_from(length).map_err(|_| io::Error::last_os_error())?);

    // SAFETY: the kernel filled `message` in; its control messages are in `control`.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !header.is_null() {
        // SAFETY: the header is not null and within `control`, and packet auxiliary data, which may be
        // unaligned, follows it where its level and type say so.
        let auxiliary = unsafe {
            let is_ours =
                (*header).cmsg_level == libc::SOL_PACKET && (*header).cmsg_type == libc::PACKET_AUXDATA;
            is_ours.then(|| libc::CMSG_DATA(header).cast::<libc::tpacket_auxdata>().read_unaligned())
        };
        if let Some(auxiliary) = auxiliary.filter(|data| data.tp_status & libc::TP_STATUS_VLAN_VALID != 0) {
            let [protocol, tag] = [auxiliary.tp_vlan_tpid, auxiliary.tp_vlan_tci].map(u16::to_be_bytes);
            frame.splice(ETHERNET_ADDRESSES..ETHERNET_ADDRESSES, [protocol, tag].concat());
        }
        // SAFETY: as for the first header.
        header = unsafe { libc::CMSG_NXTHDR(&raw const message, header) };
    }
    Ok(frame)
}
