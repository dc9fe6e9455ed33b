//! Whether pinned maps can be read and written by this version, or are to be left to the program that they belong to.

use std::path::Path;

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData};
use tgdns_common::tables::{LAYOUT, PrefixViews, Settings, capacity};

use super::{
    COUNTERS, LIMIT, SERVICE, SETTINGS, SLOT,
    answers::{ANSWER_SET, CHOICE},
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
    ("VIEWS", size_of::<PrefixViews>(), 2 * capacity::PREFIXES),
];

/// Tells of the first pinned map that is not of this version's layout, as the beginning of a sentence. Nothing where all are,
/// or none is pinned.
///
/// # Errors
/// A pin that can't be opened.
pub fn foreign(directory: &Path) -> Result<Option<String>> {
    for (name, value_size, entries) in SHAPES {
        let path = directory.join(name);
        if path.exists() && !is_ours(&path, value_size, entries)? {
            return Ok(Some(format!("the map {} is of another version of tgdns", path.display())));
        }
    }
    Ok(None)
}

fn is_ours(path: &Path, value_size: usize, entries: usize) -> Result<bool> {
    let shown = path.display();
    let data = MapData::from_pin(path).with_context(|| format!("cannot open the pin {shown}"))?;
    let info = data.info().with_context(|| format!("cannot ask for the map {shown}"))?;
    if (info.value_size() as usize, info.max_entries() as usize) != (value_size, entries) {
        return Ok(false);
    }
    if !path.ends_with("SETTINGS") {
        return Ok(true);
    }
    let map: Array<_, [u8; SETTINGS]> = Array::try_from(Map::from_map_data(data)?)?;
    let settings: Settings = bytemuck::cast(map.get(&0, 0)?);
    // A beat may come before the first publication.
    let is_unused = Settings { stale_at: [0; 8], ..settings } == Settings::default();
    Ok(is_unused || settings.layout == LAYOUT)
}
