//! `cargo xtask setup`

mod linker;
mod machine;
mod programs;
mod resolved;
mod toolchain;

use std::time::Instant;

use anyhow::{Result, anyhow};

pub(crate) use self::toolchain::Toolchain;
use self::{linker::Linker, programs::Program};

/// What a task needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// The toolchains and bpf-linker.
    Build,
    /// The programs that the network namespaces run, and bpffs.
    Lab,
    /// QEMU and what makes its initramfs.
    Kernels,
    /// Other people's servers and clients, to be measured beside tgdns. Only `cargo xtask bench --peers` needs them.
    Peers,
}

impl Group {
    /// What `cargo xtask test` needs.
    pub(crate) const ALL: [Self; 3] = [Self::Build, Self::Lab, Self::Kernels];
}

/// Installs what is missing of the groups; says nothing but one line where nothing is.
pub(crate) fn run(groups: &[Group]) -> Result<()> {
    let started = Instant::now();
    let missing = Missing::find(groups)?;
    if missing.is_nothing() {
        println!("setup: nothing is missing ({:.1} s)", started.elapsed().as_secs_f32());
        return Ok(());
    }
    missing.announce();
    missing.install()?;
    let left = Missing::find(groups)?;
    anyhow::ensure!(
        left.is_nothing(),
        "after the installation there is still missing: {}",
        left.names().join(", ")
    );
    println!("setup: everything is there ({:.0} s)", started.elapsed().as_secs_f32());
    Ok(())
}

/// What this machine lacks.
struct Missing {
    components: Vec<&'static str>,
    toolchain: Option<toolchain::Lack>,
    linker: Option<Linker>,
    programs: Vec<&'static Program>,
    resolved: bool,
    bpffs: bool,
}

impl Missing {
    fn find(groups: &[Group]) -> Result<Self> {
        let build = groups.contains(&Group::Build);
        Ok(Self {
            components: if build { toolchain::missing_components()? } else { Vec::new() },
            toolchain: if build { toolchain::lack()? } else { None },
            linker: if build { linker::lack() } else { None },
            programs: programs::missing(groups),
            resolved: groups.contains(&Group::Lab) && resolved::is_missing(),
            bpffs: groups.contains(&Group::Lab) && !machine::has_bpffs()?,
        })
    }

    fn is_nothing(&self) -> bool {
        self.names().is_empty()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.components.iter().map(|name| format!("{name} of stable Rust")).collect();
        names.extend(self.toolchain.as_ref().map(ToString::to_string));
        names.extend(self.linker.as_ref().map(ToString::to_string));
        names.extend(self.programs.iter().map(|program| program.name.to_owned()));
        names.extend(self.resolved.then(|| resolved::NAME.to_owned()));
        names.extend(self.bpffs.then(|| "bpffs on /sys/fs/bpf".to_owned()));
        names
    }

    fn announce(&self) {
        println!("setup: this machine lacks");
        for name in self.names() {
            println!("  {name}");
        }
    }

    fn packages(&self) -> Vec<&'static str> {
        let mut packages: Vec<_> = self.programs.iter().map(|program| program.package).collect();
        if matches!(self.toolchain, Some(toolchain::Lack::Toolchain)) {
            packages.extend(toolchain::DISTRIBUTION);
        }
        if self.linker.is_some() {
            packages.extend(linker::DISTRIBUTION);
        }
        packages
    }

    /// Packages first: the rest is built with them.
    fn install(&self) -> Result<()> {
        let packages = self.packages();
        if !packages.is_empty() {
            machine::install(&packages).map_err(|error| anyhow!("{error:#}\n{}", self.by_hand()))?;
        }
        if !self.components.is_empty() {
            toolchain::add_components(&self.components)?;
        }
        if let Some(lack) = &self.toolchain {
            lack.mend()?;
        }
        if self.linker.is_some() {
            linker::install()?;
        }
        if self.resolved {
            resolved::unpack().map_err(|error| anyhow!("{error:#}\n{}", self.by_hand()))?;
        }
        if self.bpffs {
            machine::mount_bpffs()?;
        }
        Ok(())
    }

    /// What a person does where apt is absent or has not got it.
    fn by_hand(&self) -> String {
        let mut text = String::from("install these, then run this again:\n");
        for program in &self.programs {
            text.push_str(&format!("  {} (Debian's package {})\n", program.name, program.package));
        }
        if self.resolved {
            text.push_str(resolved::BY_HAND);
        }
        if matches!(self.toolchain, Some(toolchain::Lack::Toolchain)) {
            text.push_str(toolchain::BY_HAND);
        }
        if self.linker.is_some() {
            text.push_str(linker::BY_HAND);
        }
        text
    }
}
