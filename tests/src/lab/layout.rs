//! Maps of another version.

use std::{mem::offset_of, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tgdns_common::tables::{LAYOUT, Settings};

use super::program;

/// What is pinned in a directory is of another version's layout from now on, which its program does not care for. No controller may
/// be writing it.
pub fn change(pins: &Path) -> Result<()> {
    let pin = pins.join("SETTINGS");
    let mut dump = program::command("bpftool")?;
    let text = program::run_command(dump.args(["--json", "map", "dump", "pinned"]).arg(&pin))?;
    let dump: Value = serde_json::from_str(&text).context("reading what bpftool printed")?;
    let value = dump[0]["value"].as_array().context("no bytes")?;
    let mut bytes: Vec<String> = value.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    *bytes.get_mut(offset_of!(Settings, layout)).context("too short")? = format!("{:#x}", LAYOUT + 1);
    let mut update = program::command("bpftool")?;
    update.args(["map", "update", "pinned"]).arg(&pin).args(["key", "0", "0", "0", "0", "value"]).args(bytes);
    program::run_command(&mut update).map(drop)
}
