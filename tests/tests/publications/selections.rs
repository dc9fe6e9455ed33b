//! Selections that follow each other, each made into an image of the one before: what the maps are told of that is what they would
//! be told of an image made at one go.

use std::{collections::BTreeSet, iter, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use tests::pins::Pins;
use tgdns::{
    cluster::Model,
    config,
    maps::Maps,
    publish::{Basis, Renderer},
    selection::{Chosen, FULL, Rule, Selection},
    xdp::Program,
};
use tgdns_common::tables::{Tables as _, capacity};

use crate::{SEED, entries};

const CONFIGURATIONS: usize = 12;
const PUBLICATIONS: usize = 40;
const CLUSTERS: usize = 8;
const SERVERS: usize = 4;

#[test]
fn what_is_kept_is_published_as_what_is_new() -> Result<()> {
    let seed =
        std::env::var(SEED).map_or_else(|_| Ok(Rng::new().get_seed()), |seed| seed.parse()).context(SEED)?;
    println!("{SEED}={seed}");
    let mut random = Rng::with_seed(seed);
    let pins = Pins::new("selections");
    let _program = Program::load(Some(pins.path()))?;
    let mut maps = Maps::from_pins(pins.path())?;
    let (mut renderer, mut written) = (Renderer::default(), 0);
    for configuration in 0..CONFIGURATIONS {
        let model = model(&mut random)?;
        let basis = Arc::new(Basis::new(&model));
        let mut selection = first(&model);
        for publication in 0..PUBLICATIONS {
            change(&mut random, &mut selection);
            written += maps.publish(&renderer.image(&model, &basis, &selection))?;
            let fresh = Renderer::default().image(&model, &Arc::new(Basis::new(&model)), &selection);
            let told = maps.image()?;
            let place = format!("configuration {configuration}, publication {publication}, seed {seed}");
            ensure!(entries(&told) == entries(&fresh), "{place}: other entries");
            // One configuration has one index.
            for position in 0..capacity::INDEX as u32 {
                let [one, other] = [&told, &fresh].map(|image| image.answer_set(image.slot(position)));
                ensure!(one == other, "{place}: another set at {position}");
            }
            ensure!(maps.publish(&fresh)? == 0, "{place}: what is there already was written again");
        }
        // As the next controller finds them.
        if random.bool() {
            maps = Maps::from_pins(pins.path())?;
        }
    }
    println!("{} publications, {written} entries written", CONFIGURATIONS * PUBLICATIONS);
    Ok(())
}

/// Clusters in any order, some of them missing, seen through up to three views.
fn model(random: &mut Rng) -> Result<Model> {
    let mut text = String::from("xdp_mode = \"off\"\n");
    for view in 0..random.u8(..3) {
        text += &format!("[[view]]\nname = \"v{view}\"\nclients = [\"172.16.{view}.0/24\"]\n");
    }
    let mut clusters: Vec<usize> = (0..CLUSTERS).collect();
    random.shuffle(&mut clusters);
    for cluster in clusters.into_iter().take(random.usize(2..=CLUSTERS)) {
        text += &format!(
            "[[cluster]]\nname = \"c{cluster}.netz\"\nanswer = \"one\"\nselect = \"{}\"\nprobe.port = 1\n\
             part = [{{ first = \"10.0.{cluster}.1\", count = {SERVERS} }}]\n",
            ["rotate", "weighted", "sticky"][cluster % 3]
        );
    }
    Ok(config::parse(&text, "F")?)
}

/// Everything, by everybody.
fn first(model: &Model) -> Selection {
    let everybody = || Arc::new(Chosen::new(Rule::Live, vec![FULL; SERVERS]));
    let count = model.clusters.len();
    Selection {
        chosen: iter::repeat_with(everybody).take(count).collect(),
        services: BTreeSet::new(),
        serials: vec![Some(1); count],
        ttls: vec![1; count],
    }
}

/// Of some clusters other servers, another TTL, or their absence.
fn change(random: &mut Rng, selection: &mut Selection) {
    for _ in 0..random.usize(..3) {
        let cluster = random.usize(..selection.chosen.len());
        match random.u8(..8) {
            0 => selection.serials[cluster] = None,
            1 => selection.ttls[cluster] = random.u32(1..4),
            // The same by another pointer.
            2 => selection.chosen[cluster] = Arc::new(Chosen::clone(&selection.chosen[cluster])),
            _ => {
                let weights = (0..SERVERS).map(|_| random.u32(..3) * FULL).collect();
                let rule = random.choice([Rule::Live, Rule::All, Rule::Servfail]).unwrap_or_default();
                selection.chosen[cluster] = Arc::new(Chosen::new(rule, weights));
                selection.serials[cluster] = Some(selection.serials[cluster].unwrap_or(1) + 1);
            }
        }
    }
}
