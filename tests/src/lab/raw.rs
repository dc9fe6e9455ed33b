//! A wire to a device under test: frames are sent and received as they are.

use std::{
    fs,
    io::{self, ErrorKind},
    mem,
    os::fd::AsRawFd as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use super::{
    link::connect,
    namespace::Namespace,
    program,
    run::Run,
    verdict::{Verdict, VerdictProgram},
    wait,
};

/// The names of both ends.
pub const CLIENT_INTERFACE: &str = "client0";
pub const DEVICE_INTERFACE: &str = "eth0";
const BOND: &str = "bond0";
const LONGEST_FRAME: usize = 16 * 1024;
const ETHERNET_ADDRESSES: usize = 12;

/// A wire between two namespaces, a veth pair unless told otherwise. The program under test goes onto [`DEVICE_INTERFACE`]; at the other
/// end an XDP program passes every frame, so that what is sent back arrives, in native mode, too.
pub struct Wire {
    pub device: Namespace,
    pub client: Namespace,
    /// Where the program under test is to be attached.
    pub interface: String,
    socket: Socket,
    device_socket: Socket,
    // Last, so that it removes the namespaces when all else is gone.
    pub run: Run,
}

impl Wire {
    /// The client's frames need no address of its own: it sees all that come back.
    ///
    /// The device has the hardware address; its kernel has no IP address until one is given to it.
    pub fn new(run: Run, device_address: [u8; 6]) -> Result<Self> {
        let [client, device] = ends(&run)?;
        connect(&client, CLIENT_INTERFACE, &device, DEVICE_INTERFACE)?;
        VerdictProgram::load(&run, Verdict::Pass)?.attach(&client, CLIENT_INTERFACE)?;
        set_address(&device, device_address)?;
        Self::between(run, client, device, DEVICE_INTERFACE)
    }

    /// The same with two NICs of this machine, which a wire connects. They are the namespaces' from then on.
    pub fn of_nics(run: Run, device_address: [u8; 6], nics: [&str; 2]) -> Result<Self> {
        let [client, device] = ends(&run)?;
        for (namespace, nic, name) in
            [(&client, nics[0], CLIENT_INTERFACE), (&device, nics[1], DEVICE_INTERFACE)]
        {
            program::run("ip", &["link", "set", "dev", nic, "netns", namespace.name(), "name", name])?;
            namespace.run("ip", &["link", "set", "dev", name, "up", "promisc", "on"])?;
        }
        set_address(&device, device_address)?;
        Self::between(run, client, device, DEVICE_INTERFACE)
    }

    /// As [`Self::new`], but the device's end is the one port of a bond, which the program is to be attached to.
    pub fn to_bond(run: Run, device_address: [u8; 6]) -> Result<Self> {
        let [client, device] = ends(&run)?;
        connect(&client, CLIENT_INTERFACE, &device, DEVICE_INTERFACE)?;
        VerdictProgram::load(&run, Verdict::Pass)?.attach(&client, CLIENT_INTERFACE)?;
        set_address(&device, device_address)?;
        device.run("ip", &["link", "add", BOND, "type", "bond", "mode", "active-backup", "miimon", "10"])?;
        device.run("ip", &["link", "set", "dev", DEVICE_INTERFACE, "down"])?;
        device.run("ip", &["link", "set", "dev", DEVICE_INTERFACE, "master", BOND])?;
        device.run("ip", &["link", "set", "dev", BOND, "up"])?;
        wait::until("the bond's port", Duration::from_secs(10), || {
            let active = device
                .enter(|| fs::read_to_string(Path::new("/proc/thread-self/net/bonding").join(BOND)))??;
            let is_active = active.contains(&format!("Currently Active Slave: {DEVICE_INTERFACE}"));
            Ok(if is_active { Ok(()) } else { Err(anyhow!("{active}")) })
        })?;
        Self::between(run, client, device, BOND)
    }

    fn between(run: Run, client: Namespace, device: Namespace, interface: &str) -> Result<Self> {
        let open = |namespace: &Namespace, interface: &str| {
            namespace.enter(|| packet_socket(interface))?.context("opening a packet socket")
        };
        let (socket, device_socket) = (open(&client, CLIENT_INTERFACE)?, open(&device, interface)?);
        Ok(Self { device, client, interface: interface.to_owned(), socket, device_socket, run })
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

/// The client's namespace and the device's.
fn ends(run: &Run) -> Result<[Namespace; 2]> {
    let ends = [Namespace::new(run, "client")?, Namespace::new(run, "device")?];
    for end in &ends {
        // Neighbour discovery of either kernel would be received as if it were an answer.
        end.set("net/ipv6/conf/default/disable_ipv6", "1")?;
    }
    Ok(ends)
}

fn set_address(device: &Namespace, address: [u8; 6]) -> Result<()> {
    let address = address.map(|byte| format!("{byte:02x}")).join(":");
    device.run("ip", &["link", "set", "dev", DEVICE_INTERFACE, "address", &address]).map(drop)
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
