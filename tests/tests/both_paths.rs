//! What the fast path answers, the slow path answers with the same message in every byte, rotation aside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result, ensure};
use tests::vectors::{self, Expected, zone::Host};
use tgdns_common::transport::Transport;

#[test]
fn every_answer_of_the_fast_path_is_the_slow_paths() -> Result<()> {
    let mut compared = 0;
    for vector in vectors::all()? {
        let Expected::Reply { frames, .. } = &vector.expected else { continue };
        let (client, query) = datagram(&vector.frame).with_context(|| vector.name.clone())?;
        let reply = Host::new(&vector.tables).ask(Transport::Udp, client, query);
        let reply = reply.with_context(|| format!("{}: the slow path does not answer", vector.name))?;
        let expected = frames.iter().map(|frame| Ok(datagram(frame)?.1)).collect::<Result<Vec<_>>>()?;
        ensure!(expected.contains(&&reply[..]), "{}: {reply:02x?}", vector.name);
        compared += 1;
    }
    ensure!(compared > 50, "only {compared} vectors are answers");
    Ok(())
}

/// The source address of a frame, and the payload of its UDP datagram.
fn datagram(frame: &[u8]) -> Result<(IpAddr, &[u8])> {
    let mut at = 12;
    while matches!(frame[at..at + 2], [0x81, 0x00] | [0x88, 0xa8]) {
        at += 4;
    }
    let network = at + 2;
    let (source, transport): (IpAddr, usize) = match frame[at..network] {
        [0x08, 0x00] => {
            let source: [u8; 4] = frame[network + 12..network + 16].try_into()?;
            (Ipv4Addr::from(source).into(), network + 20)
        }
        _ => {
            let source: [u8; 16] = frame[network + 8..network + 24].try_into()?;
            (Ipv6Addr::from(source).into(), network + 40)
        }
    };
    let length = usize::from(u16::from_be_bytes(frame[transport + 4..transport + 6].try_into()?));
    Ok((source, frame.get(transport + 8..transport + length).context("the datagram is cut")?))
}
