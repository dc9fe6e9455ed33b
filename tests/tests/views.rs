//! Ten thousand client prefixes in the kernel: the longest one that holds the client wins.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use fastrand::Rng;
use hickory_proto::{op::Message, rr::RData};
use ipnet::{IpNet, Ipv4Net};
use tests::{
    pins::Pins,
    vectors::{action::TX, dissect::Datagram, frame::Frame, tables::TableSet},
};
use tgdns::xdp::Program;
use tgdns_common::tables::capacity;

const NAME: &str = "internet.intern.netz";
const PREFIXES: usize = 10_000;
const VIEWS: usize = 4;
const CLIENTS: usize = 4000;

#[test]
fn the_longest_prefix_wins() -> Result<()> {
    let mut random = Rng::with_seed(0x7467_646e_7321);
    let prefixes = prefixes(&mut random);
    let tables = TableSet::new("many", toml::from_str(&described(&prefixes, &mut random))?)?;
    let mut program = Program::load(None)?;
    let mut publish = || -> Result<(usize, Duration)> {
        let start = Instant::now();
        Ok((tables.publish_to(&mut program)?.changed, start.elapsed()))
    };
    let (first, again) = (publish()?, publish()?);
    println!("{PREFIXES} prefixes: entries written, and the time: {first:?}, and again {again:?}");
    // Those that change nothing for their clients are left away: one of five, where there are four views.
    ensure!(first.0 >= PREFIXES * 3 / 4, "{} entries hold {PREFIXES} prefixes", first.0);
    ensure!(again.0 == 0, "{} entries were written that were there already", again.0);

    let mut told = [0; VIEWS + 1];
    for turn in 0..CLIENTS {
        let client = client(turn, &prefixes, &mut random);
        let query = Frame {
            version: if client.is_ipv4() { 4 } else { 6 },
            source: Some(client),
            destination: Some(if client.is_ipv4() {
                [192, 0, 2, 53].into()
            } else {
                "2001:db8::53".parse()?
            }),
            ..Frame::default()
        };
        let (action, reply) = program.test_run(&query.build()?, 1)?;
        // Neither path answers what can't be a client.
        let Some(expected) = tables.handed_out(NAME, client).filter(|_| can_ask(client)) else { continue };
        ensure!(action == TX, "{client}: action {action}");
        let reply = Message::from_vec(&Datagram::parse(&reply)?.message)?;
        let [record] = reply.answers.as_slice() else { anyhow::bail!("{client}: {reply:?}") };
        let RData::A(address) = record.data else { anyhow::bail!("{client}: {record:?}") };
        assert_eq!(vec![IpAddr::V4(address.0)], expected.addresses, "{client}");
        told[usize::from(address.0.octets()[3])] += 1;
    }
    println!("clients by view, those of none first: {told:?}");
    ensure!(told.iter().all(|count| *count > CLIENTS / 50), "{told:?}");
    Ok(())
}

/// Nested as often as not, IPv4 and IPv6.
fn prefixes(random: &mut Rng) -> Vec<IpNet> {
    let mut prefixes: Vec<IpNet> = Vec::new();
    while prefixes.len() < PREFIXES {
        let within = random.choice(&prefixes).filter(|_| random.bool()).map(IpNet::addr);
        let (address, most) = match within.unwrap_or_else(|| any_address(random)) {
            IpAddr::V4(v4) => (IpAddr::V4((u32::from(v4) ^ random.u32(..) >> random.u8(8..32)).into()), 32),
            IpAddr::V6(v6) => {
                (IpAddr::V6((u128::from(v6) ^ random.u128(..) >> random.u8(16..128)).into()), 128)
            }
        };
        let prefix = IpNet::new(address, random.u8(12..=most)).expect("a length of the family").trunc();
        if !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    }
    prefixes
}

/// A table set with the prefixes dealt out to views.
fn described(prefixes: &[IpNet], random: &mut Rng) -> String {
    let mut clients = vec![Vec::new(); VIEWS];
    for prefix in prefixes {
        clients[random.usize(0..VIEWS)].push(*prefix);
    }
    of_views(clients)
}

/// A table set with the prefixes of each view, which is told an address that ends with its number.
fn of_views(clients: Vec<Vec<IpNet>>) -> String {
    let views: String = (1..)
        .zip(clients)
        .map(|(view, clients): (usize, Vec<IpNet>)| {
            let clients: Vec<String> = clients.iter().map(IpNet::to_string).collect();
            (view, clients)
        })
        .map(|(view, clients)| format!("[[views]]\nname = \"view-{view}\"\nclients = {clients:?}\n"))
        .collect();
    let aliases: Vec<String> =
        (1..=VIEWS).map(|view| format!("view-{view} = [\"192.168.0.{view}\"]")).collect();
    format!(
        "services = [\n  {{ address = \"192.0.2.53\", mac = \"02:00:00:00:00:53\" }},\n  \
         {{ address = \"2001:db8::53\", mac = \"02:00:00:00:00:53\" }},\n]\n{views}[[cluster]]\nname = \"{NAME}\"\n\
         servers = [{{ address = \"10.0.0.0\", view_aliases = {{ {} }} }}]\n",
        aliases.join(", ")
    )
}

/// At the edges of prefixes, beside them, and anywhere.
fn client(turn: usize, prefixes: &[IpNet], random: &mut Rng) -> IpAddr {
    let prefix = random.choice(prefixes).expect("there are some");
    match turn % 3 {
        0 => prefix.network(),
        1 => prefix.broadcast(),
        _ => any_address(random),
    }
}

fn any_address(random: &mut Rng) -> IpAddr {
    match random.bool() {
        true => IpAddr::V4(random.u32(..).into()),
        // Where addresses are given out, so that most may ask.
        false => IpAddr::V6((random.u128(..) >> 3 | 1 << 125).into()),
    }
}

fn can_ask(client: IpAddr) -> bool {
    match client {
        IpAddr::V4(v4) => !(v4.octets()[0] == 0 || v4.octets()[0] >= 224 || v4.is_loopback()),
        IpAddr::V6(v6) => {
            !(v6.is_unspecified() || v6.is_loopback() || v6.is_multicast() || v6.segments()[0] == 0)
        }
    }
}

/// A reload may put as many other prefixes as there may be in the place of as many. A writer that ends before its time leaves
/// both in the map, which is no hindrance either.
#[test]
fn as_many_prefixes_as_there_may_be_are_replaced_by_others() -> Result<()> {
    let pins = Pins::new("views");
    for (generation, view) in [(0, 1), (1, 2), (2, 1)] {
        // Each generation by another controller.
        let mut program = Program::load(Some(pins.path()))?;
        let prefixes = (0..capacity::PREFIXES as u32).map(|number| {
            let [high, low] = (number as u16).to_be_bytes();
            IpNet::V4(Ipv4Net::new_assert([10 + generation, high, low, 0].into(), 24))
        });
        let mut clients = vec![Vec::new(); VIEWS];
        clients[view - 1] = prefixes.collect();
        let tables = TableSet::new("most", toml::from_str(&of_views(clients))?)?;
        tables.publish_to(&mut program)?;
        for other in 0..=generation {
            let query = Frame { source: Some([10 + other, 255, 255, 1].into()), ..Frame::default() };
            let (action, reply) = program.test_run(&query.build()?, 1)?;
            ensure!(action == TX, "generation {generation}, client of {other}: action {action}");
            let told = if other == generation { view as u8 } else { 0 };
            ensure!(reply.last() == Some(&told), "generation {generation}, client of {other}: {reply:?}");
        }
    }
    Ok(())
}
