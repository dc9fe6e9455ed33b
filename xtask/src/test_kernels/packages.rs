//! Debian's cloud kernels, fetched by apt from the mirror that this machine is set up with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::files;
use crate::process;

/// An unpacked kernel.
pub(crate) struct Kernel {
    /// As `uname -r` says it.
    pub(crate) version: String,
    pub(crate) folder: PathBuf,
    pub(crate) image: PathBuf,
}

const SUITES: [&str; 5] = ["bookworm", "bookworm-backports", "trixie", "trixie-backports", "sid"];
const SECURITY_SUITES: [&str; 2] = ["bookworm-security", "trixie-security"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Kernels come every few days; lists of the same day will do.
const LISTS_ARE_FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// The newest kernel of each series. What was fetched once stays below `target/kernels`.
pub(crate) fn fetch(series: &[String]) -> Result<Vec<Kernel>> {
    let cache = Cache::open()?;
    cache.update()?;
    let names = process::output(cache.apt("apt-cache").args(["pkgnames", "linux-"]))
        .context("apt-cache lists no kernels")?;
    let names: Vec<&str> = names.lines().collect();
    let mut kernels = Vec::new();
    for series in series {
        let version = newest(&names, series)
            .with_context(|| format!("the mirror has no cloud kernel of the series {series}"))?;
        kernels.push(cache.kernel(version, &names)?);
    }
    Ok(kernels)
}

/// The newest version of a series (the empty one is all), such as `6.12.117+deb13-cloud-amd64`.
fn newest<'a>(names: &[&'a str], series: &str) -> Option<&'a str> {
    let wanted = numbers(series);
    let versions = names.iter().filter_map(|name| name.strip_prefix("linux-image-"));
    // Names of fewer than three numbers are those of packages that only depend on the newest.
    let of_series = versions
        .filter(|version| version.ends_with("-cloud-amd64"))
        .map(|version| (numbers(version.trim_end_matches("-cloud-amd64")), version))
        .filter(|(numbers, _)| numbers.len() >= 3 && numbers.starts_with(&wanted));
    of_series.max().map(|(_, version)| version)
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// A folder with apt's state in it, apart from the machine's.
struct Cache {
    folder: PathBuf,
}

impl Cache {
    fn open() -> Result<Self> {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        ensure!(
            release.lines().any(|line| line == "ID=debian"),
            "the kernels come from a Debian mirror: run this on Debian, or in a Debian container"
        );
        let folder = process::target().join("kernels");
        for part in ["lists/partial", "cache/archives/partial", "unpacked"] {
            fs::create_dir_all(folder.join(part)).with_context(|| format!("making {}", folder.display()))?;
        }
        let cache = Self { folder };
        fs::write(cache.sources(), sources(&Mirror::of_this_machine()?)).context("writing apt's sources")?;
        Ok(cache)
    }

    fn sources(&self) -> PathBuf {
        self.folder.join("sources.list")
    }

    fn apt(&self, program: &str) -> Command {
        let mut apt = Command::new(program);
        let mut option = |name: &str, value: &str| {
            apt.arg("-o").arg(format!("{name}={value}"));
        };
        option("Dir::Etc::sourcelist", &self.sources().to_string_lossy());
        option("Dir::Etc::sourceparts", "-");
        option("Dir::State::lists", &self.folder.join("lists").to_string_lossy());
        option("Dir::Cache", &self.folder.join("cache").to_string_lossy());
        option("Acquire::Languages", "none");
        // The folder may lie where apt's own user may not look.
        option("APT::Sandbox::User", "");
        apt
    }

    fn update(&self) -> Result<()> {
        let stamp = self.folder.join("lists.stamp");
        let age = fs::metadata(&stamp).ok().and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
        if age.is_some_and(|age| age < LISTS_ARE_FRESH) {
            return Ok(());
        }
        process::run_behind("reading the lists of Debian's kernels", self.apt("apt-get").arg("update"))?;
        fs::write(&stamp, "").context("noting when the lists were read")
    }

    /// Fetches and unpacks what is not there; a folder of that name is complete, for it is renamed into place.
    fn kernel(&self, version: &str, names: &[&str]) -> Result<Kernel> {
        let folder = self.folder.join("unpacked").join(version);
        if !folder.is_dir() {
            let partial = self.folder.join(format!("partial-{version}"));
            if partial.exists() {
                fs::remove_dir_all(&partial).context("removing what an interrupted run left")?;
            }
            fs::create_dir_all(&partial).context("making a folder for packages")?;
            self.unpack(version, names, &partial)?;
            fs::rename(&partial, &folder).context("moving the unpacked kernel into place")?;
        }
        let image = files::below(&folder)?.into_iter().find(|path| files::name(path).starts_with("vmlinuz"));
        let image =
            image.with_context(|| format!("{} has no kernel image: remove that folder", folder.display()))?;
        Ok(Kernel { version: version.to_owned(), folder, image })
    }

    /// From 6.19 on the image is one package and its modules are another.
    fn unpack(&self, version: &str, names: &[&str], folder: &Path) -> Result<()> {
        let packages: Vec<String> = ["image", "binary", "modules"]
            .map(|part| format!("linux-{part}-{version}"))
            .into_iter()
            .filter(|package| names.contains(&package.as_str()))
            .collect();
        let mut download = self.apt("apt-get");
        download.arg("download").args(&packages).current_dir(folder);
        process::run_behind(&format!("fetching kernel {version}"), &mut download)?;
        for package in files::below(folder)? {
            process::run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(folder))?;
            fs::remove_file(&package).context("removing an unpacked package")?;
        }
        Ok(())
    }
}

struct Mirror {
    archive: String,
    security: Option<String>,
}

impl Mirror {
    /// As apt understands its configuration, whatever files it is in.
    fn of_this_machine() -> Result<Self> {
        let mut apt = Command::new("apt-get");
        apt.args(["indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"]);
        let targets = process::output(&mut apt).context("apt-get tells no sources of packages")?;
        let find = |security: bool| {
            let mut lines = targets.lines().filter_map(|line| line.split_once(' '));
            lines
                .find(|(_, release)| release.contains("-security") == security)
                .map(|(uri, _)| uri.to_owned())
        };
        let archive = find(false).context("apt has no source of packages; see sources.list(5)")?;
        Ok(Self { archive, security: find(true) })
    }
}

fn sources(mirror: &Mirror) -> String {
    let signed = if Path::new(KEYRING).exists() { format!("[signed-by={KEYRING}] ") } else { String::new() };
    let line = |uri: &str, suite: &str| format!("deb {signed}{uri} {suite} main\n");
    let archive = SUITES.iter().map(|suite| line(&mirror.archive, suite));
    let security =
        mirror.security.iter().flat_map(|uri| SECURITY_SUITES.iter().map(move |suite| line(uri, suite)));
    archive.chain(security).collect()
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn newest_of_a_series() {
        let names = [
            "linux-image-6.1-cloud-amd64",
            "linux-image-6.1.0-0.deb11.52-cloud-amd64",
            "linux-image-6.1.0-9-cloud-amd64",
            "linux-image-6.1.0-56-cloud-amd64",
            "linux-image-6.1.0-57-cloud-amd64-unsigned",
            "linux-image-6.12.9+deb13-cloud-amd64",
            "linux-image-6.12.90+deb12-cloud-amd64",
            "linux-image-6.12.90+deb13.1-cloud-amd64",
            "linux-image-7.0.4+deb13-amd64",
            "linux-image-cloud-amd64",
        ];
        for (series, version) in [
            ("6.1", Some("6.1.0-56-cloud-amd64")),
            ("6.12", Some("6.12.90+deb13.1-cloud-amd64")),
            ("6.12.9", Some("6.12.9+deb13-cloud-amd64")),
            ("", Some("6.12.90+deb13.1-cloud-amd64")),
            ("5.10", None),
        ] {
            assert_eq!(newest(&names, series), version, "{series}");
        }
    }
}
