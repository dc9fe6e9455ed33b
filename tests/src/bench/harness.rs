//! One XDP program, run again and again on the same query (BPF_PROG_TEST_RUN).

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use aya::{
    Ebpf, EbpfLoader, TestRun as _,
    maps::{Array, Map, MapData, ProgramArray},
    programs::{ProgramFd, TestRunOptions, Xdp},
};
use nix::time::ClockId;

use super::variation::Variation;

/// As in tests/floor/src/restore.rs: where the frame began, its length, its last eight bytes, and its words.
const WORDS: usize = 24;
type Query = [u64; 3 + WORDS];

/// Programs of the floor that write the query, as it is or another one each time.
const RESTORE: &str = "restore";
const RESTORE_VARIED: &str = "restore_varied";

/// The object with the floor's programs, which `cargo xtask bench` builds.
pub struct Floor(Vec<u8>);

/// A program behind the one that writes the query anew before each run.
pub struct Harness {
    restore: Ebpf,
    name: &'static str,
    query: Array<MapData, Query>,
    /// Programs stay in it no longer than it lives.
    _under_test: ProgramArray<MapData>,
}

impl Floor {
    pub fn read(object: &Path) -> Result<Self> {
        let bytes = fs::read(object).with_context(|| {
            format!("reading {}: `cargo xtask bench` builds the floor's programs", object.display())
        })?;
        Ok(Self(bytes))
    }

    /// One of its programs: `discard`, `room` or `fixed`.
    pub fn program(&self, name: &str) -> Result<Harness> {
        let mut ebpf = self.load()?;
        Harness::new(self, load(&mut ebpf, name)?.fd()?)
    }

    /// The object with one of its programs in the kernel, for whoever attaches it.
    pub fn loaded(&self, name: &str) -> Result<Ebpf> {
        let mut ebpf = self.load()?;
        load(&mut ebpf, name)?;
        Ok(ebpf)
    }

    /// The same with other clients and names.
    pub fn program_varied(&self, name: &str, variation: &Variation) -> Result<Harness> {
        let mut ebpf = self.load()?;
        Harness::varied(self, load(&mut ebpf, name)?.fd()?, variation)
    }

    fn load(&self) -> Result<Ebpf> {
        EbpfLoader::new().load(&self.0).context("the kernel refuses the maps of the floor")
    }
}

impl Harness {
    pub fn new(floor: &Floor, under_test: &ProgramFd) -> Result<Self> {
        Self::behind(RESTORE, floor.load()?, under_test)
    }

    /// As [`Self::new`], with another client and another name in each run.
    pub fn varied(floor: &Floor, under_test: &ProgramFd, variation: &Variation) -> Result<Self> {
        let mut restore = floor.load()?;
        variation.write(&mut restore)?;
        Self::behind(RESTORE_VARIED, restore, under_test)
    }

    fn behind(name: &'static str, mut restore: Ebpf, under_test: &ProgramFd) -> Result<Self> {
        let query = Array::try_from(take(&mut restore, "QUERY")?)?;
        let mut programs = ProgramArray::try_from(take(&mut restore, "UNDER_TEST")?)?;
        load(&mut restore, name)?;
        programs.set(0, under_test, 0).context("the program cannot be called by another one")?;
        Ok(Self { restore, name, query, _under_test: programs })
    }

    /// The action and the frame of the last of three runs, which shows that each saw the query.
    pub fn outcome(&mut self, frame: &[u8]) -> Result<(u32, Vec<u8>)> {
        let mut reply = vec![0; 4096];
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.data_out = Some(&mut reply);
        options.repeat = 3;
        self.expect(frame)?;
        let result = self.restore()?.test_run(options)?;
        reply.truncate(result.data_size_out as usize);
        Ok((result.return_value, reply))
    }

    /// Nanoseconds of this thread's processor time that one of so many runs takes, with the loop and the harness. Unlike the
    /// kernel's own measurement it leaves out what other threads did meanwhile.
    pub fn time(&mut self, frame: &[u8], repeat: u32) -> Result<f64> {
        self.expect(frame)?;
        let program = self.restore()?;
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.repeat = repeat;
        let before = processor_time()?;
        program.test_run(options)?;
        Ok((processor_time()? - before) / f64::from(repeat))
    }

    fn expect(&mut self, frame: &[u8]) -> Result<()> {
        ensure!((8..=8 * WORDS).contains(&frame.len()), "the harness has no room for {} bytes", frame.len());
        let number = |bytes: &[u8]| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        };
        let mut query = [0; 3 + WORDS];
        query[1] = frame.len() as u64;
        query[2] = number(&frame[frame.len() - 8..]);
        for (word, bytes) in query[3..].iter_mut().zip(frame.chunks(8)) {
            *word = number(bytes);
        }
        Ok(self.query.set(0, query, 0)?)
    }

    fn restore(&mut self) -> Result<&mut Xdp> {
        Ok(self.restore.program_mut(self.name).context("the harness is gone")?.try_into()?)
    }
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map> {
    ebpf.take_map(name).with_context(|| format!("the floor has no map {name}"))
}

fn load<'e>(ebpf: &'e mut Ebpf, name: &str) -> Result<&'e mut Xdp> {
    let program = ebpf.program_mut(name).with_context(|| format!("the floor has no program {name}"))?;
    let program: &mut Xdp = program.try_into()?;
    program.load().with_context(|| format!("the kernel refuses {name}"))?;
    Ok(program)
}

fn processor_time() -> Result<f64> {
    let now = ClockId::CLOCK_THREAD_CPUTIME_ID.now().context("reading the thread's processor time")?;
    Ok(now.tv_sec() as f64 * 1e9 + now.tv_nsec() as f64)
}
