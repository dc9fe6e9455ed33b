//! Publications that nearly fill the map `ANSWERS`: what fails halfway changes nothing, and no slot is lost.

use std::{fmt::Write as _, fs};

use anyhow::{Result, ensure};
use tests::{pins::Pins, vectors::tables::TableSet};
use tgdns::{image::Image, maps::Maps, xdp::Program};

use crate::entries;

/// Answer sets that a model may have at most; so many find room beside those of the publication before.
const MOST: usize = 511;

/// It finds no slot when most of it is written; the next one takes the slots back, and needs all of them.
#[test]
fn what_fails_halfway_changes_nothing() -> Result<()> {
    let pins = Pins::new("halfway");
    let _program = Program::load(Some(pins.path()))?;
    let mut maps = Maps::from_pins(pins.path())?;
    for round in 1..4_u8 {
        let held = image(MOST, 3 * round)?;
        maps.publish(&held)?;
        let error = maps.publish(&image(MOST + 50, 3 * round + 1)?).expect_err("there is no room");
        assert_eq!(error.to_string(), "the map ANSWERS is full");
        for reader in [&maps, &Maps::from_pins(pins.path())?] {
            ensure!(entries(&reader.image()?) == entries(&held), "round {round}: it is seen");
        }
        ensure!(maps.publish(&held)? == 0, "round {round}: what is there already was written again");

        let next = image(MOST, 3 * round + 2)?;
        maps.publish(&next)?;
        let mut fresh = Program::load(None)?;
        fresh.publish(&next)?;
        ensure!(entries(&maps.image()?) == entries(&fresh.image()?), "round {round}: other entries");
    }
    Ok(())
}

/// Somebody removes the pin of the answers: what pointed to them is gone, and all slots are free.
#[test]
fn answers_without_a_pin_are_forgotten() -> Result<()> {
    let pins = Pins::new("unpinned");
    Program::load(Some(pins.path()))?.publish(&image(MOST, 1)?)?;
    fs::remove_file(pins.path().join("ANSWERS"))?;
    let mut program = Program::load(Some(pins.path()))?;
    ensure!(program.image()?.answer_sets().next().is_none(), "there are answers still");
    for number in [2, 3] {
        let next = image(MOST, number)?;
        program.publish(&next)?;
        ensure!(entries(&program.image()?) == entries(&next), "publication {number}: other entries");
    }
    Ok(())
}

/// So many clusters, whose TTLs are that number.
fn image(clusters: usize, number: u8) -> Result<Image> {
    let mut text = String::from("services = [{ address = \"192.0.2.53\", mac = \"02:00:00:00:00:53\" }]\n");
    for cluster in 0..clusters {
        write!(
            text,
            "[[cluster]]\nname = \"c{cluster}.intern.netz\"\nttl = {number}\nservers = [{{ address = \"10.0.0.1\" }}]\n"
        )?;
    }
    Ok(TableSet::new("full", toml::from_str(&text)?)?.image())
}
