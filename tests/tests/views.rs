//! Client prefixes in the kernel: the longest one that holds the client wins, however many there are and however they lie.

use std::{
    fs,
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use hickory_proto::{op::Message, rr::RData};
use ipnet::{IpNet, Ipv4Net};
use tests::{
    pins::Pins,
    vectors::{action::TX, dissect::Datagram, frame::Frame, tables::TableSet},
};
use tgdns::{maps, xdp::Program};
use tgdns_common::{tables::capacity, trie::PAGE};

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
    ensure!(first.0 > PREFIXES / PAGE, "{} pages hold {PREFIXES} prefixes", first.0);
    ensure!(again.0 == 0, "{} entries were written that were there already", again.0);
    let clients = (0..CLIENTS).map(|turn| client(turn, &prefixes, &mut random));
    let told = ask(&mut program, &tables, clients)?;
    println!("clients by view, those of none first: {told:?}");
    ensure!(told.iter().all(|count| *count > CLIENTS / 50), "{told:?}");
    Ok(())
}

/// The deepest tables that there are: each prefix lies within the one before, has a view of its own, and ends where that does, where
/// it does not, or both by turns.
#[test]
fn nested_prefixes() -> Result<()> {
    let mut program = Program::load(None)?;
    for (address, first) in [("85.170.85.170", 1), ("127.255.255.255", 2), ("64.0.0.0", 2)]
        .into_iter()
        .chain([
            ("2001:db8:5555:aaaa:5555:aaaa:5555:aaaa", 4),
            ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 3),
        ])
        .chain([("2000::", 3), ("2001:db8::ffff:ffff:0:1", 40)])
    {
        let address: IpAddr = address.parse()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let mut clients = vec![Vec::new(); VIEWS];
        let lengths = first..=most;
        let prefixes: Vec<IpNet> =
            lengths.map(|length| Ok(IpNet::new(address, length)?.trunc())).collect::<Result<_>>()?;
        for (turn, prefix) in prefixes.iter().enumerate() {
            clients[turn % VIEWS].push(*prefix);
        }
        let tables = TableSet::new("nested", toml::from_str(&of_views(clients))?)?;
        tables.publish_to(&mut program)?;
        let edges = prefixes.iter().flat_map(|prefix| [prefix.network(), prefix.broadcast()]);
        let told = ask(&mut program, &tables, edges)?;
        ensure!(told.iter().skip(1).all(|count| *count > 0), "{address}: {told:?}");
    }
    Ok(())
}

/// Asks from each client that may ask, and gives how many are in each view, those of none first.
fn ask(
    program: &mut Program,
    tables: &TableSet,
    clients: impl Iterator<Item = IpAddr>,
) -> Result<[usize; VIEWS + 1]> {
    let mut told = [0; VIEWS + 1];
    for client in clients {
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
    Ok(told)
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

/// A reload may put as many other prefixes as there may be in the place of as many, also where the writer before ended before its
/// time.
#[test]
fn as_many_prefixes_as_there_may_be_are_replaced_by_others() -> Result<()> {
    let pins = Pins::new("views");
    for (generation, view) in [(0, 1), (1, 2), (2, 1)] {
        // Each generation by another controller.
        let mut program = Program::load(Some(pins.path()))?;
        let prefixes = (0..capacity::PREFIXES as u32).map(|number| {
            let [_, first, second, third] = number.to_be_bytes();
            IpNet::V4(Ipv4Net::new_assert([10 + 2 * generation + first, second, third, 0].into(), 24))
        });
        let mut clients = vec![Vec::new(); VIEWS];
        clients[view - 1] = prefixes.collect();
        let tables = TableSet::new("most", toml::from_str(&of_views(clients))?)?;
        tables.publish_to(&mut program)?;
        for other in 0..=generation {
            let query = Frame { source: Some([11 + 2 * other, 255, 255, 1].into()), ..Frame::default() };
            let (action, reply) = program.test_run(&query.build()?, 1)?;
            ensure!(action == TX, "generation {generation}, client of {other}: action {action}");
            let told = if other == generation { view as u8 } else { 0 };
            ensure!(reply.last() == Some(&told), "generation {generation}, client of {other}: {reply:?}");
        }
    }
    Ok(())
}

/// Tables are pinned as long as a program may read them, and the next controller learns from them what clients are told.
#[test]
fn tables_come_and_go_with_their_pins() -> Result<()> {
    let pins = Pins::new("tables");
    let tables = |view: usize, prefixes: &[&str]| -> Result<TableSet> {
        let mut clients = vec![Vec::new(); VIEWS];
        clients[view - 1] = prefixes.iter().map(|prefix| prefix.parse()).collect::<Result<_, _>>()?;
        TableSet::new("some", toml::from_str(&of_views(clients))?)
    };
    let names = ["VIEWS_0", "VIEWS_1"];
    let pinned = || names.into_iter().filter(|name| pins.path().join(name).exists()).collect::<Vec<_>>();
    let query = Frame { source: Some([10, 0, 0, 1].into()), ..Frame::default() }.build()?;
    let told = |program: &mut Program| -> Result<Option<u8>> {
        let (action, reply) = program.test_run(&query, 1)?;
        ensure!(action == TX, "action {action}");
        Ok(reply.last().copied())
    };

    let mut program = Program::load(Some(pins.path()))?;
    tables(1, &["10.0.0.0/8"])?.publish_to(&mut program)?;
    tables(2, &["10.0.0.0/8"])?.publish_to(&mut program)?;
    assert_eq!((told(&mut program)?, pinned().len()), (Some(2), 2));
    program.tidy()?;
    assert_eq!((told(&mut program)?, pinned().len(), program.tidy_at()), (Some(2), 1, None));

    let mut program = Program::load(Some(pins.path()))?;
    ensure!(maps::foreign(pins.path())?.is_none());
    ensure!(tables(2, &["10.0.0.0/9", "10.128.0.0/9"])?.publish_to(&mut program)?.changed == 0);

    tables(1, &[])?.publish_to(&mut program)?;
    assert_eq!((told(&mut program)?, pinned().len()), (Some(0), 2));
    program.tidy()?;
    assert_eq!((told(&mut program)?, pinned().len()), (Some(0), 0));

    // Without its pin a table can't be learnt from.
    tables(3, &["10.0.0.0/8"])?.publish_to(&mut program)?;
    program.tidy()?;
    let [name] = pinned()[..] else { anyhow::bail!("{:?} are pinned", pinned()) };
    fs::rename(pins.path().join(name), pins.path().join(names[usize::from(name == names[0])]))?;
    let reason = maps::foreign(pins.path())?.context("no reason")?;
    ensure!(reason.contains(name), "{reason}");
    ensure!(Program::load(Some(pins.path())).is_err());
    Ok(())
}
