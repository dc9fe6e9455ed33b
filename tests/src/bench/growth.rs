//! What an answer costs as things grow: it should not depend on how many clusters, servers, prefixes and clients there are.

use std::{fmt::Write as _, net::Ipv4Addr};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use tgdns::xdp::Program;
use tgdns_common::tables::{MAX_SERVERS, capacity};

use super::{
    harness::{Floor, Harness},
    kinds::{Effort, published},
    report::Table,
    spread::Spread,
    variation::Variation,
};
use crate::vectors::{action::TX, frame::Frame, message::Message};

const SERVICE: &str = "services = [{ address = \"192.0.2.53\", mac = \"02:00:00:00:00:53\" }]\n";
/// Variants at most: what one lap of the harness has.
const LAP: usize = 65_536;

/// One thing that grows.
pub struct Curve {
    /// The picture's file, without its ending.
    pub name: &'static str,
    /// What is counted along the axis.
    pub counted: &'static str,
    /// Times the first point's cost that the last one may have.
    pub goal: f64,
    /// What a reader has to know of it.
    pub remark: String,
    pub points: Vec<Point>,
}

/// A size, and the net nanoseconds of an answer.
pub struct Point {
    pub size: usize,
    pub cost: Spread,
}

/// What is asked, and by whom, at one size.
struct Case {
    size: usize,
    tables: String,
    query: Frame,
    others: Vec<(Ipv4Addr, [u8; 8])>,
    laps: usize,
}

impl Curve {
    /// The last point's cost in the first one's, by the least of each.
    pub fn growth(&self) -> f64 {
        let least = |point: Option<&Point>| point.map_or(f64::NAN, |point| point.cost.min);
        least(self.points.last()) / least(self.points.first())
    }
}

/// All curves, point by point in turns.
pub fn measure(floor: &Floor, effort: Effort) -> Result<Vec<Curve>> {
    let mut random = Rng::with_seed(0x7467_6e73);
    let sets = capacity::ANSWERS - 1;
    let curves = [
        (
            "clusters",
            "clusters",
            1.15,
            format!("Each run asks for another one, in no order. The maps hold {sets} answer sets."),
            sizes(&[1, 10, 100, 1000, 10_000], sets).map(|size| clusters(size, &mut random)).collect(),
        ),
        (
            "servers",
            "servers of a cluster, of which 8 are in an answer",
            1.15,
            "Below 8 all of them are in an answer.".into(),
            sizes(&[1, 2, 4, 8, 16, 32, 64], MAX_SERVERS).map(servers).collect::<Vec<_>>(),
        ),
        (
            "prefixes",
            "prefixes of views",
            1.6,
            format!(
                "Each run has a client in another one, in no order, and one cluster has an alias in each of four views. \
                 A configuration holds {} prefixes.",
                capacity::PREFIXES
            ),
            sizes(&[1, 10, 100, 1000, 10_000, 65_536, 100_000], capacity::PREFIXES)
                .map(|size| prefixes(size, &mut random))
                .collect::<Result<_>>()?,
        ),
        (
            "clients",
            "distinct clients",
            1.15,
            "Each run has another one; the cluster is `sticky`, so that its answer depends on the client."
                .into(),
            [1, 256, LAP, LAP * 256].map(|size| clients(size, &mut random)).into(),
        ),
    ];
    curves
        .into_iter()
        .map(|(name, counted, goal, remark, cases)| {
            let points = points(floor, effort, &cases).with_context(|| format!("the curve of {counted}"))?;
            Ok(Curve { name, counted, goal, remark, points })
        })
        .collect()
}

/// As a table in Markdown for each.
pub fn tables(curves: &[Curve]) -> Result<String> {
    let mut text = String::new();
    for Curve { name, counted, goal, remark, points } in curves {
        let mut table = Table::new(&[counted, "net ns (min / median / max)", "of the first"]);
        for point in points {
            let growth = format!("{:.2}", point.cost.min / points[0].cost.min);
            table.row(&[point.size.to_string(), point.cost.to_string(), growth]);
        }
        writeln!(
            text,
            "{table}\nGoal: at most {goal} times the first. {remark}\n\n![{counted}](docs/benchmarks/{name}.svg)\n"
        )?;
    }
    Ok(text)
}

fn points(floor: &Floor, effort: Effort, cases: &[Case]) -> Result<Vec<Point>> {
    struct Pair {
        frame: Vec<u8>,
        // Lives as long as it is called.
        _program: Program,
        tgdns: Harness,
        discard: Harness,
        times: [Vec<f64>; 2],
    }
    let mut pairs = Vec::new();
    for case in cases {
        let frame = case.query.build()?;
        let variation = Variation::new(&frame, &case.others, case.laps)?;
        let mut program = published(&case.tables)?;
        let mut tgdns = Harness::varied(floor, program.descriptor()?, &variation)?;
        for _ in 0..64 {
            let (action, _) = tgdns.outcome(&frame)?;
            ensure!(action == TX, "not answered at {}: action {action}", case.size);
        }
        let discard = floor.program_varied("discard", &variation)?;
        pairs.push(Pair { frame, _program: program, tgdns, discard, times: Default::default() });
    }
    for _ in 0..effort.rounds {
        for Pair { frame, tgdns, discard, times: [ours, base], .. } in &mut pairs {
            base.push(discard.time(frame, effort.repeat)?);
            ours.push(tgdns.time(frame, effort.repeat)?);
        }
    }
    let net = |(case, Pair { times: [ours, base], .. }): (&Case, Pair)| {
        Ok(Point { size: case.size, cost: Spread::of(ours)?.net_of(Spread::of(base)?) })
    };
    cases.iter().zip(pairs).map(net).collect()
}

/// Those that the maps hold, and the most that they hold in place of those that they don't.
fn sizes(wanted: &[usize], most: usize) -> impl Iterator<Item = usize> {
    let mut sizes: Vec<usize> = wanted.iter().map(|size| *size.min(&most)).collect();
    sizes.dedup();
    sizes.into_iter()
}

fn clusters(size: usize, random: &mut Rng) -> Case {
    let mut tables = SERVICE.to_owned();
    for cluster in 0..size {
        tables += &format!(
            "[[cluster]]\nname = \"{}.intern.netz\"\nservers = [{{ address = \"10.10.10.100\", count = 3 }}]\n",
            label(cluster)
        );
    }
    let turns = size.next_power_of_two().max(LAP / 16);
    let mut asked: Vec<usize> = (0..turns).map(|turn| turn % size).collect();
    random.shuffle(&mut asked);
    let name = |cluster| {
        let mut name = [0; 8];
        name[0] = 7;
        name[1..].copy_from_slice(label(cluster).as_bytes());
        name
    };
    Case {
        size,
        tables,
        query: asking(&format!("{}.intern.netz", label(0))),
        others: asked.into_iter().map(|cluster| ([192, 0, 2, 1].into(), name(cluster))).collect(),
        laps: 1,
    }
}

/// Seven characters, which are the name's first eight bytes with their length.
fn label(cluster: usize) -> String {
    format!("c{cluster:06}")
}

fn servers(size: usize) -> Case {
    let tables = format!(
        "{SERVICE}[[cluster]]\nname = \"{NAME}\"\nsubset = 8\n\
         servers = [{{ address = \"10.10.10.100\", count = {size} }}]\n"
    );
    Case { size, tables, query: asking(NAME), others: vec![usual([192, 0, 2, 1].into())], laps: 1 }
}

/// Networks of 256 addresses from 10.0.0.0 on, one view after the other.
fn prefixes(size: usize, random: &mut Rng) -> Result<Case> {
    const VIEWS: usize = 4;
    let network = |number: usize, host: u8| -> Result<Ipv4Addr> {
        let [_, first, second, third] = u32::try_from(number)?.to_be_bytes();
        Ok([10 + first, second, third, host].into())
    };
    let mut tables = SERVICE.to_owned();
    let mut aliases = Vec::new();
    for view in 0..VIEWS.min(size) {
        let clients: Vec<String> = (view..size)
            .step_by(VIEWS)
            .map(|number| Ok(format!("\"{}/24\"", network(number, 0)?)))
            .collect::<Result<_>>()?;
        write!(tables, "[[views]]\nname = \"v{view}\"\nclients = [{}]\n", clients.join(", "))?;
        aliases.push(format!("v{view} = [\"192.168.{view}.100\"]"));
    }
    write!(
        tables,
        "[[cluster]]\nname = \"{NAME}\"\n\
         servers = [{{ address = \"10.10.10.100\", count = 3, view_aliases = {{ {} }} }}]\n",
        aliases.join(", ")
    )?;
    let mut numbers: Vec<usize> = (0..LAP.max(size)).map(|turn| turn % size).collect();
    random.shuffle(&mut numbers);
    // Of more networks than there are variants, some are not asked from.
    let others = numbers.into_iter().take(LAP).map(|number| Ok(usual(network(number, 7)?)));
    Ok(Case { size, tables, query: asking(NAME), others: others.collect::<Result<_>>()?, laps: 1 })
}

fn clients(size: usize, random: &mut Rng) -> Case {
    let tables = format!(
        "{SERVICE}[[cluster]]\nname = \"{NAME}\"\nsubset = 3\nsticky = [32, 56]\n\
         servers = [{{ address = \"10.10.10.100\", count = 8 }}]\n"
    );
    let mut hosts: Vec<u16> = (0..=u16::MAX).take(size).collect();
    random.shuffle(&mut hosts);
    let others = hosts.into_iter().map(|host| {
        let [high, low] = host.to_be_bytes();
        usual([10, 0, high, low].into())
    });
    Case { size, tables, query: asking(NAME), others: others.collect(), laps: size.div_ceil(LAP) }
}

const NAME: &str = "internet.intern.netz";

/// The usual name, asked for by a client.
fn usual(client: Ipv4Addr) -> (Ipv4Addr, [u8; 8]) {
    (client, *b"\x08interne")
}

fn asking(name: &str) -> Frame {
    Frame { message: Message { qname: name.into(), ..Message::default() }, ..Frame::default() }
}
