//! Whether pinned maps can be read and written by this version, or are to be left to the program that they belong to.

use std::path::Path;

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData};
use tgdns_common::tables::{LAYOUT, Settings, capacity};

use super::{
    COUNTERS, LIMIT, SERVICE, SETTINGS, SLOT,
    answers::{ANSWER_SET, CHOICE},
    views,
};

/// Bytes of a value and number of entries of each pinned map.
const SHAPES: [(&str, usize, usize); 8] = [
    ("ANSWERS", ANSWER_SET, capacity::ANSWERS),
    ("CHOICES", CHOICE, capacity::ANSWERS),
    ("COUNTERS", COUNTERS, 1),
    ("INDEX", SLOT, capacity::INDEX * capacity::INDEX_COPIES),
    ("LIMIT", LIMIT, 1),
    ("SERVICES", SERVICE, capacity::SERVICES * capacity::SERVICES_COPIES),
    ("SETTINGS", SETTINGS, 1),
    ("VIEWS", size_of::<u32>(), capacity::SIDES),
];

/// Tells of the first pinned map that can't be read as this version's, as the beginning of a sentence. Nothing where all can, or none
/// is pinned.
///
/// # Errors
/// A pin that can't be opened.
pub fn foreign(directory: &Path) -> Result<Option<String>> {
    for (name, value_size, entries) in SHAPES {
        let path = directory.join(name);
        let Some(map) = pinned(&path)? else { continue };
        let info = map.info().with_context(|| format!("cannot ask for the map {}", path.display()))?;
        if (info.value_size() as usize, info.max_entries() as usize) != (value_size, entries) {
            return Ok(Some(of_another_version(&path)));
        }
    }
    let path = directory.join("SETTINGS");
    let Some(map) = pinned(&path)? else { return Ok(None) };
    let map: Array<_, [u8; SETTINGS]> = Array::try_from(Map::from_map_data(map)?)?;
    let settings: Settings = bytemuck::cast(map.get(&0, 0)?);
    // A beat may come before the first publication.
    let is_unused = Settings { stale_at: [0; 8], ..settings } == Settings::default();
    if !is_unused && settings.layout != LAYOUT {
        return Ok(Some(of_another_version(&path)));
    }
    let Some(map) = pinned(&directory.join("VIEWS"))? else { return Ok(None) };
    views::missing_table(map, directory, settings.names.side())
}

fn of_another_version(path: &Path) -> String {
    format!("the map {} is of another version of tgdns", path.display())
}

/// Nothing where there is no such pin.
fn pinned(path: &Path) -> Result<Option<MapData>> {
    let opened = path.exists().then(|| MapData::from_pin(path)).transpose();
    opened.with_context(|| format!("cannot open the pin {}", path.display()))
}
