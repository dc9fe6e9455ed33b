//! The vectors against the program in the kernel (BPF_PROG_TEST_RUN), and the program on a device.
//!
//! One file without anything beside it: it is carried into guests with other kernels and runs there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use aya::maps::{Array, Map, MapData};
use tests::{
    lab::program,
    vectors::{
        self,
        check::{Outcome, report},
    },
    veth::Veth,
};
use tgdns::{
    cluster::XdpMode,
    config,
    self_test::News,
    xdp::{
        self, FastPath, Program,
        link::{Attached, program_id},
    },
};
use tgdns_common::tables::{LAYOUT, Settings};

/// Of enum xdp_action in linux/bpf.h.
const ACTIONS: [&str; 5] = ["XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"];

#[test]
fn every_vector() -> Result<()> {
    let mut program = Program::load(None)?;
    let vectors = vectors::all()?;
    let mut failures = Vec::new();
    let mut published = "";
    for vector in &vectors {
        if published != vector.tables.name {
            vector.tables.publish_to(&mut program)?;
            published = &vector.tables.name;
        }
        let before = program.counters()?;
        let (action, frame) = program.test_run(&vector.frame, 1).with_context(|| vector.name.clone())?;
        let counters = rises(&before, &program.counters()?);
        let checked = outcome(action, frame).and_then(|outcome| vector.check(&outcome, &counters));
        if let Err(error) = checked {
            failures.push((vector.name.clone(), error));
        }
    }
    report(vectors.len(), &failures);
    Ok(())
}

/// Before anything is published the program passes all that may be asked.
#[test]
fn nothing_is_answered_from_empty_maps() -> Result<()> {
    let mut program = Program::load(None)?;
    for vector in vectors::all()? {
        let (action, frame) = program.test_run(&vector.frame, 1)?;
        assert_eq!(outcome(action, frame)?, Outcome::Passed(vector.frame.clone()), "{}", vector.name);
    }
    Ok(())
}

/// Each publication replaces the one before as a whole, in both directions of every pair.
#[test]
fn publications_follow_each_other() -> Result<()> {
    let mut program = Program::load(None)?;
    let vectors = vectors::all()?;
    let mut sets: BTreeMap<&str, Vec<&vectors::Vector>> = BTreeMap::new();
    for vector in &vectors {
        sets.entry(&vector.tables.name).or_default().push(vector);
    }
    let mut failures = Vec::new();
    for (first, second) in sets.keys().flat_map(|first| sets.keys().map(move |second| (first, second))) {
        for name in [first, second] {
            let vector = sets[name].iter().find(|vector| vector.expected.counter().starts_with("answered"));
            let Some(vector) = vector.or(sets[name].first()) else { continue };
            vector.tables.publish_to(&mut program)?;
            let before = program.counters()?;
            let (action, frame) = program.test_run(&vector.frame, 1)?;
            let counters = rises(&before, &program.counters()?);
            if let Err(error) = vector.check(&outcome(action, frame)?, &counters) {
                failures.push((format!("{} ({first}, then {second})", vector.name), error));
            }
        }
    }
    report(vectors.len(), &failures);
    Ok(())
}

/// The budget that leaves room for what is to come; the kernel's own limit is 1,000,000.
#[test]
fn the_verifier_is_not_worn_out() -> Result<()> {
    let instructions = Program::load(None)?.verified_instructions()?;
    println!("the verifier walked {instructions} instructions");
    // 6.1 recognises fewer paths as ones that it has walked, and gives up at a million.
    assert!(instructions < 250_000, "{instructions} instructions");
    Ok(())
}

#[test]
fn attaches_pins_and_detaches() -> Result<()> {
    let device = Device::new()?;
    let mut program = Program::load(Some(&device.pins))?;
    ensure!(!device.shows_program()?, "a new device has a program");

    let attached = program.attach(device.name(), XdpMode::Native, &device.pins)?;
    assert_eq!(attached, Attached::Anew);
    assert!(device.shows_program()?);

    // What is pinned outlives the program's owner, and a successor takes its place with its maps.
    let vectors = vectors::all()?;
    let vector =
        vectors.iter().find(|vector| vector.name == "a query over ipv4").context("no such vector")?;
    vector.tables.publish_to(&mut program)?;
    drop(program);
    assert!(device.shows_program()?);
    let mut successor = Program::load(Some(&device.pins))?;
    assert_eq!(successor.attach(device.name(), XdpMode::Native, &device.pins)?, Attached::Replaced);
    let (action, frame) = successor.test_run(&vector.frame, 1)?;
    vector.check(&outcome(action, frame)?, &[(vector.expected.counter(), 1)])?;
    drop(successor);
    assert!(device.shows_program()?);

    let removed = xdp::detach(&device.pins)?;
    assert!(removed.iter().any(|pin| pin.ends_with(&format!("link-{}", device.name()))), "{removed:?}");
    // The kernel frees a link some time after its last pin went.
    let until = Instant::now() + Duration::from_secs(5);
    while device.shows_program()? {
        ensure!(Instant::now() < until, "the program is still attached");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(!device.pins.exists());
    Ok(())
}

/// A start whose pins are of another layout fills its own maps, and takes the link over; the self-test is asked on the way.
#[test]
fn a_program_takes_over_from_another_layout() -> Result<()> {
    let device = Device::new()?;
    let vectors = vectors::all()?;
    let vector =
        vectors.iter().find(|vector| vector.name == "a query over ipv4").context("no such vector")?;
    let model = config::parse(
        &format!(
            "interfaces = [{:?}]\npin_dir = {:?}\nwhen_stale = \"servfail\"\n[[cluster]]\nname = \"internet.intern.netz\"\nprobe.port = 443\n\
             part = [{{ first = \"10.10.10.20\", count = 3 }}]\n",
            device.name(),
            device.pins
        ),
        "F",
    )?;
    let link = device.pins.join(format!("link-{}", device.name()));
    // For addresses of both types, with all servers live, before the first beat and after it.
    let asked = |fast_path: &FastPath| fast_path.findings().counts()[0];

    let first = FastPath::start(&model)?;
    ensure!(!first.is_waiting() && first.is_attached(device.name()));
    assert_eq!(asked(&first), ("asked", 4));
    assert_eq!(first.findings().counted().answered_stale, 2);
    drop(first);
    let before = program_id(&link)?;
    change_layout(&device.pins.join("SETTINGS"))?;

    let mut second = FastPath::start(&model)?;
    ensure!(second.is_waiting() && program_id(&link)? == before, "the program of the other layout answers");
    let image = vector.tables.image();
    second.publish(&image)?;
    let other = vectors.iter().find(|other| other.tables.name == "views").context("no such tables")?;
    let lasts = Duration::from_secs(60);
    let refused = second.take_over(&model.interfaces, &other.tables.image(), lasts);
    ensure!(refused.is_err(), "it answers otherwise than it should, and takes over");
    ensure!(second.is_waiting() && program_id(&link)? == before);
    second.take_over(&model.interfaces, &image, lasts)?;
    ensure!(second.is_attached(device.name()) && program_id(&link)? != before);
    ensure!(!device.pins.join("next").exists());
    let news = second.self_test(&image, Instant::now() + Duration::from_secs(60))?;
    assert_eq!(news, News::default());
    ensure!(asked(&second).1 > 8, "{:?}", asked(&second));
    // Other servers than the maps have.
    let news = second.self_test(&other.tables.image(), Instant::now() + Duration::from_secs(60))?;
    ensure!(!news.failed.is_empty());
    drop(second);

    // The pins are those of the maps that were filled.
    let third = FastPath::start(&model)?;
    ensure!(!third.is_waiting() && third.is_attached(device.name()));
    drop(third);
    xdp::detach(&device.pins).map(drop)
}

/// The pinned maps are of another version from now on; their program does not care.
fn change_layout(pin: &Path) -> Result<()> {
    let mut settings: Array<_, [u8; size_of::<Settings>()]> =
        Array::try_from(Map::from_map_data(MapData::from_pin(pin)?)?)?;
    let value: Settings = bytemuck::cast(settings.get(&0, 0)?);
    settings.set(
        0,
        bytemuck::cast::<_, [u8; size_of::<Settings>()]>(Settings { layout: LAYOUT + 1, ..value }),
        0,
    )?;
    Ok(())
}

fn outcome(action: u32, frame: Vec<u8>) -> Result<Outcome> {
    Ok(match ACTIONS.get(action as usize).copied() {
        Some("XDP_DROP") => Outcome::Dropped,
        Some("XDP_PASS") => Outcome::Passed(frame),
        Some("XDP_TX") => Outcome::Sent(frame),
        other => bail!("the program returned {action}, {other:?}"),
    })
}

/// The counters that went up, and by how much.
fn rises<'n>(before: &[(&'n str, u64)], after: &[(&'n str, u64)]) -> Vec<(&'n str, u64)> {
    let pairs = before.iter().zip(after);
    pairs
        .filter(|(before, after)| before != after)
        .map(|(before, after)| (after.0, after.1 - before.1))
        .collect()
}

/// A veth pair and a directory for pins, which go with it.
struct Device {
    veth: Veth,
    pins: PathBuf,
}

impl Device {
    fn new() -> Result<Self> {
        let veth = Veth::new()?;
        let pins = PathBuf::from(format!("/sys/fs/bpf/tgdns-kernel-{}", veth.name));
        Ok(Self { veth, pins })
    }

    fn name(&self) -> &str {
        &self.veth.name
    }

    fn shows_program(&self) -> Result<bool> {
        Ok(program::run("ip", &["link", "show", "dev", self.name()])?.contains("prog/xdp"))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.pins);
    }
}
