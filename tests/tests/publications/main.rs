//! Random publications, one after the other, into maps that live on: after them the maps say what fresh ones say that were
//! told the last one alone.

use std::{fmt::Write as _, net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use bytemuck::bytes_of;
use fastrand::Rng;
use tests::{
    pins::Pins,
    vectors::{
        action::{PASS, TX},
        frame::Frame,
        message::Message,
        tables::TableSet,
    },
};
use tgdns::{image::Image, maps::Maps, xdp::Program};

mod full;
mod selections;

const SEED: &str = "TGDNS_SEED";
/// Each time the maps that live on are compared with fresh ones.
const ROUNDS: usize = 20;
const PUBLICATIONS: usize = 25;

const NAMES: usize = 12;
const VIEWS: usize = 4;
const SERVICES: u8 = 6;
/// Where an IPv4 frame without tags has its message.
const MESSAGE: usize = 42;
const RECORD: usize = 16;
/// Longer than the test takes.
const LONG: Duration = Duration::from_secs(86_400);

#[test]
fn differences_come_to_the_same_as_fresh_tables() -> Result<()> {
    let seed =
        std::env::var(SEED).map_or_else(|_| Ok(Rng::new().get_seed()), |seed| seed.parse()).context(SEED)?;
    println!("{SEED}={seed}");
    let mut random = Rng::with_seed(seed);
    let pins = Pins::new("publications");
    let mut living = Program::load(Some(pins.path()))?;
    living.beat(LONG)?;
    let mut maps = Maps::from_pins(pins.path())?;
    let (mut written, mut answered) = (0, 0);
    for round in 0..ROUNDS {
        let mut last = image(&mut random)?;
        for _ in 0..PUBLICATIONS {
            last = image(&mut random)?;
            written += maps.publish(&last)?;
            if random.u8(..) < 25 {
                maps.tidy()?;
            }
        }
        let mut fresh = Program::load(None)?;
        fresh.beat(LONG)?;
        fresh.publish(&last)?;
        ensure!(entries(&maps.image()?) == entries(&fresh.image()?), "round {round}: other entries");
        answered +=
            compare(&mut living, &mut fresh).with_context(|| format!("round {round}, seed {seed}"))?;
        // As the next controller finds them.
        if random.bool() {
            maps = Maps::from_pins(pins.path())?;
            ensure!(entries(&maps.image()?) == entries(&last), "round {round}: the pins say otherwise");
        }
        ensure!(maps.publish(&last)? == 0, "round {round}: what is there already was written again");
    }
    println!("{} publications, {written} entries written, {answered} answers alike", ROUNDS * PUBLICATIONS);
    ensure!(answered > 1000, "only {answered} questions were answered");
    Ok(())
}

/// The answer sets and the service addresses, in an order that does not depend on where they are.
fn entries(image: &Image) -> (Vec<&[u8]>, Vec<&[u8]>) {
    let mut sets: Vec<&[u8]> = image.answer_sets().map(bytes_of).collect();
    sets.sort_unstable();
    let mut services: Vec<&[u8]> = image.service_addresses().map(bytes_of).collect();
    services.sort_unstable();
    (sets, services)
}

/// Asks both for every name, from clients of every view, at every service address. Returns how many questions were answered.
fn compare(living: &mut Program, fresh: &mut Program) -> Result<usize> {
    let mut answered = 0;
    for name in 0..NAMES {
        for client in 0..64_u8 {
            let query = Frame {
                source: Some(Ipv4Addr::new(198, 51, client, client.wrapping_mul(83)).into()),
                destination: Some(Ipv4Addr::new(192, 0, 2, client % SERVICES).into()),
                message: Message { qname: name_of(name), ..Message::default() },
                ..Frame::default()
            }
            .build()?;
            let (one, other) = (living.test_run(&query, 1)?, fresh.test_run(&query, 1)?);
            ensure!([PASS, TX].contains(&one.0), "action {}", one.0);
            let told = [one, other].map(|(action, reply)| (action, told(action, &reply, query.len())));
            ensure!(told[0] == told[1], "{} from {client}: {told:02x?}", name_of(name));
            answered += usize::from(told[0].0 == TX);
        }
    }
    Ok(answered)
}

/// The header of the message and its records without their order, which is each program's own.
fn told(action: u32, reply: &[u8], records_at: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    if action != TX {
        return Default::default();
    }
    let header = reply[MESSAGE..MESSAGE + 12].to_vec();
    let mut records: Vec<Vec<u8>> = reply[records_at..].chunks(RECORD).map(<[u8]>::to_vec).collect();
    // Without an address there is the SOA, which is no row of records.
    if header[6..8] != [0, 0] {
        records.sort_unstable();
    }
    (header, records)
}

fn name_of(number: usize) -> String {
    format!("{}.intern.netz", "abcdefghijklmnop".get(..number + 1).unwrap_or_default())
}

/// Any clusters, servers, views, prefixes and service addresses.
fn image(random: &mut Rng) -> Result<Image> {
    let mut text = String::from("services = [");
    for host in 0..SERVICES {
        if random.u8(..) < 200 {
            write!(text, "{{ address = \"192.0.2.{host}\", mac = \"02:00:00:00:00:53\" }}, ")?;
        }
    }
    text.push_str("]\n");
    let views = random.usize(..=VIEWS);
    // Of no two views the same one.
    let mut networks: Vec<(u8, u8)> =
        (0..64).flat_map(|net| [(net, 24), (net, 25), (net & 0xf8, 21)]).collect();
    networks.sort_unstable();
    networks.dedup();
    random.shuffle(&mut networks);
    for view in 0..views {
        let mine = networks.split_off(networks.len() - random.usize(1..8));
        let clients: Vec<String> =
            mine.iter().map(|(net, length)| format!("\"198.51.{net}.0/{length}\"")).collect();
        write!(text, "[[views]]\nname = \"view-{view}\"\nclients = [{}]\n", clients.join(", "))?;
    }
    for name in (0..NAMES).filter(|_| random.bool()).collect::<Vec<_>>() {
        write!(text, "[[cluster]]\nname = \"{}\"\nttl = {}\n", name_of(name), random.u8(1..4))?;
        match random.u8(..8) {
            0 => text.push_str("rule = \"all\"\n"),
            1 => text.push_str("rule = \"servfail\"\n"),
            2 => text.push_str("rule = \"nodata\"\n"),
            3 => text.push_str("sticky = [24, 56]\n"),
            _ => {}
        }
        text.push_str("servers = [\n");
        for server in 0..random.u8(1..6) {
            let (live, weight) = (random.u8(..) < 200, random.u8(1..4));
            let mut aliases = Vec::new();
            for view in 0..views {
                if random.bool() {
                    aliases.push(format!("view-{view} = [\"10.{}.{view}.{server}\"]", random.u8(1..4)));
                }
            }
            writeln!(
                text,
                "{{ address = \"10.0.{name}.{server}\", live = {live}, weight = {weight}, view_aliases = {{ {} }} }},",
                aliases.join(", ")
            )?;
        }
        text.push_str("]\n");
    }
    let tables = toml::from_str(&text).with_context(|| text.clone())?;
    Ok(TableSet::new("random", tables)?.image())
}
