//! `cargo xtask test-kernels`
//!
//! A program that one kernel's verifier accepts may be refused by another's, older or newer. So the XDP program is
//! loaded, attached and fed with the vectors on several, in virtual machines that need neither KVM nor a disk.

mod files;
mod guest;
mod initramfs;
mod packages;
mod payload;
mod verdict;

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context as _, Result, anyhow, ensure};

use self::{packages::Kernel, payload::Payload, verdict::Verdict};

/// The oldest that is promised, the one of Debian's stable release, and the newest of all.
const SERIES: [&str; 3] = ["6.1", "6.12", ""];

/// Each machine keeps one core busy.
const AT_ONCE: usize = 2;

/// Boots the newest kernel of each series and ends with a table and one line of counts.
pub(crate) fn run(series: &[String]) -> Result<()> {
    ensure!(std::env::consts::ARCH == "x86_64", "the kernels are x86-64's, and so must this machine be");
    let series = if series.is_empty() { SERIES.map(str::to_owned).to_vec() } else { series.to_vec() };
    let payload = Payload::build()?;
    let kernels = packages::fetch(&series)?;
    println!(
        "booting {}",
        kernels.iter().map(|kernel| kernel.version.as_str()).collect::<Vec<_>>().join(", ")
    );

    let verdicts = all(&kernels, &payload);
    for verdict in verdicts.iter().filter(|verdict| !verdict.passed()) {
        eprintln!("\n-- {}: {}\n{}", verdict.version, verdict.reason(), verdict.log);
    }
    println!("\n{}", verdict::table(&verdicts));
    let failed = verdicts.iter().filter(|verdict| !verdict.passed()).count();
    println!("{} passed, {failed} failed", verdicts.len() - failed);
    ensure!(failed == 0, "{failed} of {} kernels failed", verdicts.len());
    Ok(())
}

/// The verdicts in the order of the kernels.
fn all(kernels: &[Kernel], payload: &Payload) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(kernel) = kernels.get(index) else { return done };
            let verdict = one(kernel, payload).unwrap_or_else(|error| Verdict::not_run(kernel, &error));
            println!("{}: {} after {:.0} s", kernel.version, verdict.word(), verdict.took.as_secs_f32());
            done.push((index, verdict));
        }
    };
    let mut verdicts: Vec<(usize, Verdict)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    verdicts.sort_by_key(|(index, _)| *index);
    // A worker that panicked must not make its kernels vanish from the table.
    for (index, kernel) in kernels.iter().enumerate() {
        if verdicts.get(index).is_none_or(|(of, _)| *of != index) {
            verdicts.insert(index, (index, Verdict::not_run(kernel, &anyhow!("its worker panicked"))));
        }
    }
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

fn one(kernel: &Kernel, payload: &Payload) -> Result<Verdict> {
    let initramfs = initramfs::write(kernel, payload)?;
    let run = guest::boot(kernel, &initramfs);
    fs::remove_file(&initramfs).with_context(|| format!("removing {}", initramfs.display()))?;
    Ok(Verdict::read(kernel, run?))
}
