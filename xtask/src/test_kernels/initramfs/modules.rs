//! The kernel modules that the guests need, each behind those that it depends on.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::test_kernels::files;

/// What the program is attached to: veth pairs, VLANs and bonds on them, and virtual NICs. One that is built in has no file.
const WANTED: [&str; 5] = ["veth", "8021q", "bonding", "virtio_pci", "virtio_net"];

/// The modules' contents in the order in which they load.
pub(crate) fn load_order(kernel: &Path) -> Result<Vec<Vec<u8>>> {
    let files = files::below(kernel)?.into_iter().filter_map(|path| {
        let (name, _) = files::name(&path).split_once(".ko")?;
        Some((name.replace('-', "_"), path))
    });
    let mut modules = Modules { files: files.collect(), loaded: Vec::new(), order: Vec::new() };
    for name in WANTED {
        modules.load(name)?;
    }
    Ok(modules.order)
}

struct Modules {
    files: BTreeMap<String, PathBuf>,
    loaded: Vec<String>,
    order: Vec<Vec<u8>>,
}

impl Modules {
    fn load(&mut self, name: &str) -> Result<()> {
        let Some(path) = self.files.get(name).cloned() else { return Ok(()) };
        if self.loaded.iter().any(|loaded| loaded == name) {
            return Ok(());
        }
        self.loaded.push(name.to_owned());
        let module = read(&path)?;
        for needed in depends(&module) {
            self.load(&needed)?;
        }
        self.order.push(module);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path.extension().is_some_and(|extension| extension == "ko") {
        return fs::read(path).with_context(|| format!("reading {}", path.display()));
    }
    let output =
        Command::new("xz").args(["--decompress", "--stdout"]).arg(path).output().context("starting xz")?;
    ensure!(output.status.success(), "xz can't unpack {}", path.display());
    Ok(output.stdout)
}

/// The names after `depends=` in the section `.modinfo`, which is a list of NUL-terminated texts.
fn depends(module: &[u8]) -> Vec<String> {
    const FIELD: &[u8] = b"\0depends=";
    let Some(start) = module.windows(FIELD.len()).position(|window| window == FIELD) else {
        return Vec::new();
    };
    let value = module[start + FIELD.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value).replace('-', "_");
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::depends;

    #[test]
    fn dependencies_of_a_module() {
        for (module, names) in [
            (&b"license=GPL\0depends=garp,mrp\0retpoline=Y\0"[..], &["garp", "mrp"][..]),
            (b"license=GPL\0depends=\0", &[]),
            (b"\x7fELF\0depends=nf-nat\0", &["nf_nat"]),
            (b"license=GPL\0", &[]),
        ] {
            assert_eq!(depends(module), names);
        }
    }
}
