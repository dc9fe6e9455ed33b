//! Addresses that come and go, as those of a VIP do.

use std::{
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use hickory_proto::rr::RecordType;

use crate::{
    host::{CABLE, Host, INTERFACE, IPV6, LIVE, NAME, Setup},
    question::ips,
};

const AT_MOST: Duration = Duration::from_millis(100);
/// Longer than any query that is answered takes.
const SILENCE: Duration = Duration::from_millis(300);

#[test]
fn service_addresses_come_and_go() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let own = host.client("fd00:10::10", IPV6.parse()?)?;
    assert_eq!(own.addresses(NAME, RecordType::A)?, ips(&LIVE)?);
    for (client, address, length) in
        [("10.10.10.10", "10.10.10.200", 32), ("fd00:10::10", "fd00:10::200", 128)]
    {
        come_and_go(&host, client, address, length)?;
    }
    Ok(())
}

fn come_and_go(host: &Host, client: &str, address: &str, length: u8) -> Result<()> {
    let service: IpAddr = address.parse()?;
    let client = host.client(client, service)?;
    // As a client that asked its predecessor; to find a new neighbour takes up to a second.
    let mac = host.interface(INTERFACE)?["address"].as_str().unwrap_or_default().to_owned();
    host.far.run("ip", &["neighbour", "replace", address, "lladdr", &mac, "dev", CABLE])?;
    let with_length = format!("{address}/{length}");
    ensure!(client.ask(NAME, RecordType::A, SILENCE)?.is_none(), "{address} answers before it is there");

    let answered_before = host.counter("fast_path", "answered_a")?;
    // Without waiting for duplicates: an address that is not usable yet is no service address.
    host.namespace.run("ip", &["address", "add", &with_length, "dev", INTERFACE, "nodad"])?;
    let added = Instant::now();
    let took = loop {
        if let Some(addresses) = client.ask(NAME, RecordType::A, Duration::from_millis(5))? {
            assert_eq!(addresses, ips(&LIVE)?);
            break added.elapsed();
        }
        ensure!(added.elapsed() < Duration::from_secs(5), "{address} is not answered\n{}", host.log());
    };
    println!("{address}: answered {took:?} after it was added (at most {AT_MOST:?})");
    assert!(took <= AT_MOST, "{took:?}");
    assert!(host.counter("fast_path", "answered_a")? > answered_before, "the fast path answered");

    host.namespace.run("ip", &["address", "del", &with_length, "dev", INTERFACE])?;
    thread::sleep(AT_MOST);
    ensure!(client.ask(NAME, RecordType::A, SILENCE)?.is_none(), "{address} answers after it has gone");
    Ok(())
}
