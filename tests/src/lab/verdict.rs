//! The smallest XDP programs: one verdict for every frame.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
    write::{Object, Symbol, SymbolSection},
};

use super::{namespace::Namespace, program, run::Run};

/// The verdict's value is the kernel's `enum xdp_action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// For the peers of devices on which `tgdns` answers.
    Pass = 2,
    /// Sends every frame back, for tests of the lab itself.
    Transmit = 3,
}

/// A loaded program.
pub struct VerdictProgram {
    pin: PathBuf,
}

impl VerdictProgram {
    /// Loads and pins it, once for a run.
    pub fn load(run: &Run, verdict: Verdict) -> Result<Self> {
        let name = format!("verdict-{}", verdict as u8);
        let pin = run.pins().join(&name);
        if pin.exists() {
            return Ok(Self { pin });
        }
        let file = run.directory().join(&name);
        fs::write(&file, object_file(verdict)?).with_context(|| format!("writing {}", file.display()))?;
        let mut bpftool = program::command("bpftool")?;
        program::run_command(bpftool.args(["prog", "load"]).arg(&file).arg(&pin).args(["type", "xdp"]))?;
        Ok(Self { pin })
    }

    /// In native mode; it stays on the device until one of the two is removed.
    pub fn attach(&self, namespace: &Namespace, interface: &str) -> Result<()> {
        let mut bpftool = namespace.command(program::path("bpftool")?);
        bpftool.args(["net", "attach", "xdpdrv", "pinned"]).arg(&self.pin).args(["dev", interface]);
        program::run_command(&mut bpftool).map(drop)
    }
}

/// `r0 = verdict`, `exit`, in little endian, as the kernels are that `tgdns` is built for.
fn object_file(verdict: Verdict) -> Result<Vec<u8>> {
    let instructions = [0xb7, 0, 0, 0, verdict as u8, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let section = object.add_section(Vec::new(), b"xdp".to_vec(), SectionKind::Text);
    object.append_section_data(section, &instructions, 8);
    object.add_symbol(Symbol {
        name: b"verdict".to_vec(),
        value: 0,
        size: instructions.len() as u64,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    object.write().context("writing an object file")
}
