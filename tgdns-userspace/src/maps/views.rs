//! The map `VIEWS`: two tables that tell clients' views, of which programs read the one of the side in use.
//!
//! What comes next is compiled into a map of its own, as large as it needs to be, and put on the other side. Each such map has a
//! pin, by which the next controller finds what its clients are told.

use std::{
    fs,
    io::ErrorKind,
    os::fd::{AsFd as _, AsRawFd as _},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use aya_obj::generated::{BPF_F_INNER_MAP, bpf_map_type::BPF_MAP_TYPE_ARRAY};
use tgdns_common::trie::{PAGE, Page};

use super::grace::{GRACE, outlast};
use crate::image::{
    Prefixes,
    trie::{self, Table},
};

/// The pins of the tables that `VIEWS` leads to, by side.
pub const TABLES: [&str; 2] = ["VIEWS_0", "VIEWS_1"];

pub(super) struct Views {
    sides: Sides,
    /// Where the tables are pinned, if they are.
    directory: Option<PathBuf>,
    /// What the side in use says.
    current: Prefixes,
    /// When the other side was in use or written last, if it is still there.
    left_at: Option<Instant>,
}

impl Views {
    /// Learns what a map says, of which programs read that side.
    ///
    /// # Errors
    /// It is not what the pins in the directory are.
    pub(super) fn learn(map: Map, side: u8, directory: Option<&Path>) -> Result<Self> {
        let sides = Sides::new(map)?;
        let current = match sides.table(side)? {
            Some(number) => trie::prefixes(&read(pinned(directory, side, number)?)?)?,
            None => Prefixes::default(),
        };
        // Programs may have been reading the other one a moment ago.
        let left_at = sides.table(1 - side)?.is_some().then(Instant::now);
        Ok(Self { sides, directory: directory.map(Path::to_owned), current, left_at })
    }

    /// What clients are told.
    pub(super) fn current(&self) -> &Prefixes {
        &self.current
    }

    /// The pins have been moved to another directory, where there may be others of sides that have no table.
    ///
    /// # Errors
    /// A pin that can't be removed.
    pub(super) fn moved_to(&mut self, directory: &Path) -> Result<()> {
        for (side, name) in (0..).zip(TABLES) {
            if self.sides.table(side)?.is_none() {
                remove_pin(&directory.join(name))?;
            }
        }
        self.directory = Some(directory.to_owned());
        Ok(())
    }

    /// Whether a program may find a client in a view.
    pub(super) fn is_in_use(&self) -> bool {
        !self.current.is_empty() || self.left_at.is_some()
    }

    /// Makes the side that nobody reads say what is wanted, if the other one does not, and gives the side to be read from
    /// now on.
    ///
    /// # Errors
    /// A refused map, pin or write; the side in use says what it did.
    pub(super) fn prepare(&mut self, side: u8, wanted: &Prefixes, written: &mut usize) -> Result<u8> {
        if self.current == *wanted {
            return Ok(side);
        }
        if let Some(left_at) = self.left_at {
            outlast(left_at);
        }
        let other = 1 - side;
        let table = write(&trie::compile(wanted)?, written).context("making a table of clients' views")?;
        self.put(other, &table)?;
        self.left_at = Some(Instant::now());
        Ok(other)
    }

    /// The side that was prepared is the one in use.
    pub(super) fn flipped(&mut self, wanted: &Prefixes) {
        if self.current != *wanted {
            self.current.clone_from(wanted);
            self.left_at = Some(Instant::now());
        }
    }

    /// When the side that is not in use may go.
    pub(super) fn tidy_at(&self) -> Option<Instant> {
        self.left_at.map(|left_at| left_at + GRACE)
    }

    /// Removes the side that is not in use, once nobody reads it any more.
    ///
    /// # Errors
    /// A refused write. What is left then goes with the next change.
    pub(super) fn tidy(&mut self, side: u8) -> Result<()> {
        let Some(left_at) = self.left_at.take() else { return Ok(()) };
        outlast(left_at);
        self.remove(1 - side)?;
        // Without a table all clients are in the default view.
        if self.current.is_empty() { self.remove(side) } else { Ok(()) }
    }

    fn remove(&mut self, side: u8) -> Result<()> {
        self.sides.remove(side)?;
        self.pin_of(side).map_or(Ok(()), |pin| remove_pin(&pin))
    }

    fn put(&mut self, side: u8, table: &MapData) -> Result<()> {
        if let Some(pin) = self.pin_of(side) {
            remove_pin(&pin)?;
            table.pin(&pin).with_context(|| format!("cannot pin {}", pin.display()))?;
        }
        self.sides.set(side, table)
    }

    fn pin_of(&self, side: u8) -> Option<PathBuf> {
        self.directory.as_deref().map(|directory| pin_of(directory, side))
    }
}

fn pin_of(directory: &Path, side: u8) -> PathBuf {
    directory.join(TABLES[usize::from(side)])
}

/// Why the table of a side can't be read, as the beginning of a sentence; nothing where it can, or there is none.
///
/// # Errors
/// It can't be asked for.
pub(super) fn missing_table(map: MapData, directory: &Path, side: u8) -> Result<Option<String>> {
    let number = Sides::new(Map::from_map_data(map)?)?.table(side)?;
    let found = number.map(|number| pinned(Some(directory), side, number)).transpose();
    Ok(found.err().map(|error| format!("{error:#}")))
}

/// The table of a side, which the kernel knows by that number.
fn pinned(directory: Option<&Path>, side: u8, number: u32) -> Result<MapData> {
    let directory = directory.context("a table of clients' views without a pin")?;
    let pin = pin_of(directory, side);
    let table = MapData::from_pin(&pin).with_context(|| format!("cannot open the pin {}", pin.display()))?;
    ensure!(table.info()?.id() == number, "the pin {} is not what VIEWS says it is", pin.display());
    Ok(table)
}

fn remove_pin(pin: &Path) -> Result<()> {
    match fs::remove_file(pin) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove the pin {}", pin.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a map that is the table.
fn write(table: &Table, written: &mut usize) -> Result<MapData> {
    let entries = table.pages.len().max(1) as u32;
    let (key, value) = (size_of::<u32>() as u32, size_of::<Page>() as u32);
    let definition =
        aya_obj::Map::new_from_params(BPF_MAP_TYPE_ARRAY as u32, key, value, entries, BPF_F_INNER_MAP);
    let mut map = Map::Array(MapData::create(definition, "VIEWS_TABLE", None)?);
    let mut words: Array<_, Page> = Array::try_from(&mut map)?;
    for (number, page) in (0..).zip(&table.pages) {
        // It is zeros so far.
        if *page != [0; PAGE] {
            words.set(number, page, 0)?;
            *written += 1;
        }
    }
    let Map::Array(data) = map else { bail!("an array is none") };
    Ok(data)
}

/// The table that a map is.
fn read(map: MapData) -> Result<Table> {
    let map: Array<_, Page> = Array::try_from(Map::Array(map))?;
    Ok(Table { pages: map.iter().collect::<Result<_, _>>()? })
}

/// The map of the tables. To programs it leads to maps; who controls it puts their descriptors in, and gets their numbers.
struct Sides(HashMap<MapData, u32, u32>);

impl Sides {
    fn new(map: Map) -> Result<Self> {
        let Map::ArrayOfMaps(data) = map else { bail!("the map VIEWS is not one of maps") };
        // The same system calls, of which aya has not all for this type.
        Ok(Self(HashMap::try_from(Map::HashMap(data))?))
    }

    /// By which number the kernel knows the table of a side, if there is one.
    fn table(&self, side: u8) -> Result<Option<u32>> {
        match self.0.get(&side.into(), 0) {
            Ok(number) => Ok(Some(number)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(error).context("reading VIEWS"),
        }
    }

    /// Puts a table on a side. No program reads the one that was there when this returns.
    fn set(&mut self, side: u8, table: &MapData) -> Result<()> {
        let descriptor = table.fd().as_fd().as_raw_fd() as u32;
        self.0.insert(u32::from(side), descriptor, 0).context("writing VIEWS")
    }

    fn remove(&mut self, side: u8) -> Result<()> {
        match self.0.remove(&side.into()) {
            // There is none.
            Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => {
                Ok(())
            }
            removed => removed.context("writing VIEWS"),
        }
    }
}
