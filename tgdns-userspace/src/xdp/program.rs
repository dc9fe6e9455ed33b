//! The program in the kernel, with its maps.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf, EbpfLoader,
    programs::{ProgramFd, TestRunOptions, Xdp},
};

use super::{Published, beat, link};
use crate::{
    cluster::XdpMode,
    image::Image,
    maps::{self, Maps, limited::Limited},
    self_test,
};

const OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tgdns-ebpf"));

/// The program's name in the object.
pub const PROGRAM: &str = "tgdns";

/// The program in the kernel, and its maps.
pub struct Program {
    ebpf: Ebpf,
    maps: Maps,
    limited: Limited,
}

impl Program {
    /// Loads it. Its maps are pinned in the directory, or, where they are already, taken from there; they have to be of this
    /// layout then ([`maps::foreign`]). The program that lets its answers be fresh is pinned beside them.
    ///
    /// # Errors
    /// The verifier's last words, or a pin that can't be made.
    pub fn load(pin_directory: Option<&Path>) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        if let Some(directory) = pin_directory {
            std::fs::create_dir_all(directory)
                .with_context(|| format!("cannot create pin_dir {}", directory.display()))?;
            for name in maps::NAMES {
                loader.map_pin_path(name, directory.join(name));
            }
        }
        let mut ebpf = loader.load(OBJECT).context("the kernel refuses the maps of the fast path")?;
        let mut maps = Maps::new(pin_directory, |name| {
            ebpf.take_map(name).with_context(|| format!("the object has no map {name}"))
        })?;
        maps.forget_empty()?;
        let limited = Limited::new(ebpf.take_map("LIMITED").context("the object has no map LIMITED")?)?;
        for name in [PROGRAM, beat::NAME] {
            xdp(&mut ebpf, name)?
                .load()
                .with_context(|| format!("the kernel refuses the program {name} of the fast path"))?;
        }
        if let Some(directory) = pin_directory {
            beat::pin(xdp(&mut ebpf, beat::NAME)?, directory)?;
        }
        Ok(Self { ebpf, maps, limited })
    }

    /// Attaches it to an interface, and pins the link.
    ///
    /// # Errors
    /// The driver refuses the mode, another program is attached, and so on; says what to do.
    pub fn attach(&mut self, interface: &str, mode: XdpMode, pin_directory: &Path) -> Result<link::Attached> {
        link::attach(xdp(&mut self.ebpf, PROGRAM)?, interface, mode, pin_directory)
    }

    /// Makes the maps say what the image says.
    ///
    /// # Errors
    /// A refused write.
    pub fn publish(&mut self, image: &Image) -> Result<Published> {
        self.maps.publish(image).map(|changed| Published { changed })
    }

    /// Lets its answers be fresh for some time from now on. Until the first beat they are stale.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn beat(&mut self, lasts: Duration) -> Result<()> {
        let told = beat::run(xdp(&mut self.ebpf, beat::NAME)?, lasts)?;
        self.maps.beaten(told.stale_at);
        Ok(())
    }

    /// What its maps say.
    ///
    /// # Errors
    /// They contradict themselves.
    pub fn image(&self) -> Result<Image> {
        self.maps.image()
    }

    /// The pins of its maps have been moved to another directory.
    ///
    /// # Errors
    /// A pin there that is of no use can't be removed.
    pub fn moved_to(&mut self, directory: &Path) -> Result<()> {
        self.maps.moved_to(directory)
    }

    /// When [`Self::tidy`] has something to do.
    pub fn tidy_at(&self) -> Option<Instant> {
        self.maps.tidy_at()
    }

    /// Removes what the last publications have left in the maps and no program reads any more.
    ///
    /// # Errors
    /// A refused write.
    pub fn tidy(&mut self) -> Result<()> {
        self.maps.tidy()
    }

    /// All counters by name.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counters(&self) -> Result<Vec<(&'static str, u64)>> {
        self.maps.counters()
    }

    /// Clients that it has limited since the last time, one of each CPU at most.
    ///
    /// # Errors
    /// The map cannot be read or written.
    pub fn take_limited(&mut self) -> Result<BTreeSet<IpAddr>> {
        self.limited.take()
    }

    /// Runs it on a frame (BPF_PROG_TEST_RUN), `repeat` times; gives the last run's action and frame. `dns.rate_limit` does not
    /// concern it: the frame comes from the loopback device.
    ///
    /// # Errors
    /// The kernel refuses, as for frames of less than 14 bytes.
    pub fn test_run(&mut self, frame: &[u8], repeat: u32) -> Result<(u32, Vec<u8>)> {
        test_run(xdp(&mut self.ebpf, PROGRAM)?, frame, repeat)
    }

    /// Runs it once on a frame that comes from the interface with that number, so that `dns.rate_limit` applies; gives the
    /// action and frame.
    ///
    /// # Errors
    /// As above, and where there is no such interface.
    pub fn test_run_from(&mut self, interface: u32, frame: &[u8]) -> Result<(u32, Vec<u8>)> {
        // struct xdp_md of linux/bpf.h.
        let [data, data_meta, queue, egress] = [0; 4];
        let context = [data, frame.len() as u32, data_meta, interface, queue, egress];
        let context = Some(bytemuck::cast_slice(&context));
        run(xdp(&mut self.ebpf, PROGRAM)?, frame, TestRunOptions { ctx_in: context, ..TestRunOptions::new() })
    }

    /// Runs it on a frame once, for the self-test.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn self_test(&mut self, frame: &[u8]) -> Result<self_test::Run> {
        let before = self.maps.counters_by_cpu()?;
        let (action, frame) = self.test_run(frame, 1)?;
        Ok(self_test::Run { action, frame, before, after: self.maps.counters_by_cpu()? })
    }

    /// Passes the program's own log on to this process', from a task of the running runtime.
    #[cfg(feature = "log-frames")]
    pub(super) fn log_frames(&mut self) -> Result<()> {
        super::frames::log(&mut self.ebpf)
    }

    /// Its descriptor, for another program that calls it.
    ///
    /// # Errors
    /// It is not loaded.
    pub fn descriptor(&mut self) -> Result<&ProgramFd> {
        Ok(xdp(&mut self.ebpf, PROGRAM)?.fd()?)
    }

    /// By which the kernel knows it.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn number(&mut self) -> Result<u32> {
        Ok(xdp(&mut self.ebpf, PROGRAM)?.info()?.id())
    }

    /// How many instructions the verifier walked.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn verified_instructions(&mut self) -> Result<u32> {
        xdp(&mut self.ebpf, PROGRAM)?.info()?.verified_instruction_count().context("the kernel does not tell")
    }
}

/// Runs a program on a frame of the loopback device.
pub(crate) fn test_run(program: &Xdp, frame: &[u8], repeat: u32) -> Result<(u32, Vec<u8>)> {
    run(program, frame, TestRunOptions { repeat, ..TestRunOptions::new() })
}

fn run(program: &Xdp, frame: &[u8], options: TestRunOptions<'_>) -> Result<(u32, Vec<u8>)> {
    use aya::TestRun as _;

    let mut out = vec![0; 4096];
    let options = TestRunOptions { data_in: Some(frame), data_out: Some(&mut out), ..options };
    let result = program.test_run(options).context("the kernel cannot run the program on this frame")?;
    let length = result.data_size_out as usize;
    out.truncate(length);
    Ok((result.return_value, out))
}

fn xdp<'e>(ebpf: &'e mut Ebpf, name: &str) -> Result<&'e mut Xdp> {
    let program = ebpf.program_mut(name).with_context(|| format!("the object has no program {name}"))?;
    Ok(program.try_into()?)
}
