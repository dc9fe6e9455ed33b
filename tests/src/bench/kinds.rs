//! What one frame of each kind costs.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use tgdns::xdp::Program;

use super::{
    harness::{Floor, Harness},
    report,
    spread::Spread,
};
use crate::vectors::{
    action::{PASS, TX},
    dissect::Datagram,
    file::Hex,
    frame::Frame,
    message::{Edns, Message},
    tables::TableSet,
};

const TABLES: &str = r#"
services = [
  { address = "192.0.2.53", mac = "02:00:00:00:00:53" },
  { address = "2001:db8::53", mac = "02:00:00:00:00:53" },
]
[[cluster]]
name = "internet.intern.netz"
servers = [{ address = "10.10.10.100", count = 3 }, { address = "2001:db8::100", count = 3 }]
"#;
/// The same for clients of a view, and another one for the rest.
const WITH_VIEW: &str = r#"
services = [{ address = "192.0.2.53", mac = "02:00:00:00:00:53" }]
[[views]]
name = "lan"
clients = ["192.0.2.0/24"]
[[cluster]]
name = "internet.intern.netz"
servers = [{ address = "10.10.10.100", count = 3, view_aliases = { lan = ["192.168.1.100"] } }]
"#;

/// How often each program runs on a frame, and how often that is measured.
#[derive(Clone, Copy)]
pub struct Effort {
    pub repeat: u32,
    pub rounds: usize,
}

/// What a kind is to come to at most.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Times the floor.
    Ratio(f64),
    /// Nanoseconds above the program that drops all.
    Above(f64),
}

/// A frame and what became of it.
pub struct Kind {
    /// In the table, and in `docs/benchmarks/ratios.toml`.
    pub name: &'static str,
    pub goal: Option<Goal>,
    frame: Vec<u8>,
    answered: bool,
    /// Whether it is the floor's question, too; the others are held against the plain query.
    floored: bool,
    in_view: bool,
}

/// One kind's costs in nanoseconds, without those of the harness.
pub struct Row {
    pub name: &'static str,
    pub goal: Option<Goal>,
    pub floor: Spread,
    pub tgdns: Spread,
}

/// All of them, measured in turns.
pub struct Costs {
    pub rows: Vec<Row>,
    /// Of the harness with its loop: what was subtracted from the plain query's.
    pub harness: Spread,
    /// Of making room for three records and taking it back, which is in every answer's cost, the floor's too.
    pub room: Spread,
    pub verified_instructions: u32,
}

impl Row {
    /// By the least of each.
    pub fn ratio(&self) -> f64 {
        self.tgdns.min / self.floor.min
    }
}

/// Measures every kind so often, in turns with the floor.
pub fn measure(floor: &Floor, effort: Effort) -> Result<Costs> {
    let mut usual = published(TABLES)?;
    let mut with_view = published(WITH_VIEW)?;
    let verified_instructions = usual.verified_instructions()?;
    let mut tgdns = Harness::new(floor, usual.descriptor()?)?;
    let mut viewed = Harness::new(floor, with_view.descriptor()?)?;
    let (mut discard, mut room, mut fixed) =
        (floor.program("discard")?, floor.program("room")?, floor.program("fixed")?);
    let kinds = kinds()?;
    for kind in &kinds {
        let tgdns = if kind.in_view { &mut viewed } else { &mut tgdns };
        kind.check(tgdns, kind.answered).with_context(|| format!("tgdns, {}", kind.name))?;
        if kind.floored {
            kind.check(&mut fixed, true).with_context(|| format!("the floor, {}", kind.name))?;
        }
    }

    let mut times = vec![[vec![], vec![], vec![]]; kinds.len()];
    let mut rooms = vec![];
    for _ in 0..effort.rounds {
        for (kind, [base, floor, ours]) in kinds.iter().zip(&mut times) {
            let tgdns = if kind.in_view { &mut viewed } else { &mut tgdns };
            base.push(discard.time(&kind.frame, effort.repeat)?);
            if kind.floored {
                floor.push(fixed.time(&kind.frame, effort.repeat)?);
            }
            ours.push(tgdns.time(&kind.frame, effort.repeat)?);
        }
        rooms.push(room.time(&kinds[0].frame, effort.repeat)?);
    }

    let harness = Spread::of(times[0][0].clone())?;
    let mut rows: Vec<Row> = Vec::new();
    for (kind, [base, floor, ours]) in kinds.iter().zip(times) {
        let base = Spread::of(base)?;
        let floor = if kind.floored { Spread::of(floor)?.net_of(base) } else { rows[0].floor };
        rows.push(Row { name: kind.name, goal: kind.goal, floor, tgdns: Spread::of(ours)?.net_of(base) });
    }
    Ok(Costs { rows, harness, room: Spread::of(rooms)?.net_of(harness), verified_instructions })
}

impl Costs {
    /// As a table in Markdown.
    pub fn table(&self) -> Result<String> {
        let mut table = report::Table::new(&[
            "frame",
            "floor, net ns (min / median / max)",
            "tgdns, net ns (min / median / max)",
            "ratio (min / median)",
            "goal",
        ]);
        for row in &self.rows {
            let median = row.tgdns.median / row.floor.median;
            let (ratio, goal) = match row.goal {
                Some(Goal::Ratio(most)) => (format!("{:.2} / {median:.2}", row.ratio()), format!("≤ {most}")),
                Some(Goal::Above(most)) => ("–".into(), format!("≤ {most} ns")),
                None => (format!("{:.2} / {median:.2}", row.ratio()), "–".into()),
            };
            table.row(&[row.name.into(), row.floor.to_string(), row.tgdns.to_string(), ratio, goal]);
        }
        let mut text = table.to_string();
        writeln!(
            text,
            "\nSubtracted: {} ns for the loop and the program that restores the query. Every answer, the floor's too, \
             has in it {} ns for making room and taking it back. The verifier walked {} instructions.",
            self.harness, self.room, self.verified_instructions
        )?;
        Ok(text)
    }
}

impl Kind {
    /// Whether it comes back as an answer with records and the right checksums, or untouched.
    fn check(&self, harness: &mut Harness, answered: bool) -> Result<()> {
        let (action, reply) = harness.outcome(&self.frame)?;
        if !answered {
            ensure!(action == PASS && reply == self.frame, "not passed as it was: action {action}");
            return Ok(());
        }
        ensure!(action == TX, "not answered: action {action}");
        let message = Datagram::parse(&reply)?.message;
        ensure!(message.get(2).is_some_and(|flags| flags & 0x84 == 0x84), "not an answer: {message:02x?}");
        Ok(())
    }
}

/// The program in the kernel with these tables.
pub fn published(tables: &str) -> Result<Program> {
    let mut program = Program::load(None)?;
    TableSet::new("bench", toml::from_str(tables)?)?.publish_to(&mut program)?;
    Ok(program)
}

fn kinds() -> Result<Vec<Kind>> {
    let kind = |name, goal, frame: &Frame| -> Result<Kind> {
        Ok(Kind { name, goal, frame: frame.build()?, answered: true, floored: false, in_view: false })
    };
    let plain = Frame::default;
    let asking = |message: Message| Frame { message, ..plain() };
    // RFC 7873: ten, eight bytes, and what a client makes up.
    let cookie = Hex(vec![0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    let answer = Some(Goal::Ratio(2.2));
    let other = Some(Goal::Above(12.0));
    let edns =
        |options| asking(Message { edns: Some(Edns { options, ..Edns::default() }), ..Message::default() });
    let asked = |qtype: &str| asking(Message { qtype: qtype.into(), ..Message::default() });
    let named = asking(Message { qname: "www.example.org".into(), ..Message::default() });
    let floored = |kind: Kind| Kind { floored: true, ..kind };
    let passed = |kind: Kind| Kind { answered: false, ..kind };
    Ok(vec![
        floored(kind("plain", answer, &plain())?),
        floored(kind("EDNS", answer, &edns(Hex::default()))?),
        floored(kind("EDNS with a cookie", None, &edns(cookie))?),
        Kind { in_view: true, ..floored(kind("plain, of a view", answer, &plain())?) },
        kind("AAAA", None, &asked("AAAA"))?,
        kind("TXT, of which there is none", None, &asked("TXT"))?,
        kind("plain, over IPv6", None, &Frame { version: 6, ..plain() })?,
        passed(kind("another name", Some(Goal::Ratio(1.5)), &named)?),
        passed(kind("another port", other, &Frame { port: 5353, ..plain() })?),
        passed(kind("TCP", other, &Frame { protocol: 6, ..plain() })?),
        passed(kind(
            "another host's address",
            other,
            &Frame { destination: Some([192, 0, 2, 54].into()), ..plain() },
        )?),
    ])
}
