//! Host and kernel over the same frames: verdict, bytes and counters must be the same.
//!
//! The kernel's counters are per CPU and turn the answers' rotation, so the run stays on one CPU and the host counts
//! along from where the kernel is.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use tgdns::{image::Image, xdp::Program};
use tgdns_common::{
    counter::{Counter, Counters},
    query::Question,
    rate,
    reason::{Reason, Verdict},
    respond,
    tables::{Address, AnswerSet, Choice, Service, Settings, Tables},
};

use super::{
    frames::{Seeds, Set},
    table,
};
use crate::vectors::{
    action::{DROP, PASS, TX},
    dissect::Datagram,
    host::HostFrame,
};

/// Of the kernel's buffer for test runs: what programs may use before a frame, and up to where it may grow.
const HEAD: usize = 256 - 40;
const ROOM: usize = 4096 - 256 - 320;

/// Frames between two looks at the kernel's counters.
const BATCH: u64 = 10_000;

/// What was seen.
pub struct Summary {
    pub seed: u64,
    pub frames: u64,
    pub took: Duration,
    /// By `Counters::NAMES`.
    pub counters: Vec<u64>,
}

impl Summary {
    pub fn per_second(&self) -> f64 {
        self.frames as f64 / self.took.as_secs_f64()
    }

    /// By the counter's name.
    pub fn count(&self, name: &str) -> u64 {
        Counters::NAMES.iter().position(|known| *known == name).map_or(0, |index| self.counters[index])
    }

    /// For people.
    pub fn text(&self) -> String {
        let names = Counters::NAMES.iter().copied();
        let mut verdicts = [("answered", 0), ("passed", 0), ("dropped", 0)];
        for (name, count) in names.clone().zip(&self.counters) {
            let reason = Reason::ALL.iter().find(|reason| reason.as_str() == name);
            verdicts[reason.map_or(0, |reason| 1 + usize::from(reason.verdict() == Verdict::Drop))].1 +=
                count;
        }
        format!(
            "{}\n{}\n{} frames in {:.1} s, {:.0} a second, seed {}: host and kernel agree on all\n",
            table::counts("verdict", verdicts),
            table::counts("counter", names.zip(self.counters.iter().copied())),
            self.frames,
            self.took.as_secs_f32(),
            self.per_second(),
            self.seed,
        )
    }
}

/// Compares them over so many frames; the thread is on one CPU for as long.
///
/// # Errors
/// The first difference, with the frame.
pub fn run(seed: u64, frames: u64) -> Result<Summary> {
    let started = Instant::now();
    let seeds = Seeds::new()?;
    let mut counters = vec![0; Counter::COUNT];
    on_one_cpu(|| {
        let mut program = Program::load(None)?;
        for (set, numbers) in seeds.shares(frames) {
            Pair::new(&mut program, set, seed)?.run(&seeds, numbers, &mut counters)?;
        }
        Ok(())
    })?;
    Ok(Summary { seed, frames, took: started.elapsed(), counters })
}

/// Host and kernel with the same tables.
struct Pair<'p> {
    program: &'p mut Program,
    set: &'p Set,
    seed: u64,
    host: Host,
    frame: HostFrame,
    /// Of the host's frame: before it, and for itself and what it grows by.
    room: (usize, usize),
}

/// What becomes of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
struct End {
    action: u32,
    counter: Counter,
}

impl<'p> Pair<'p> {
    fn new(program: &'p mut Program, set: &'p Set, seed: u64) -> Result<Self> {
        let image = set.tables.image();
        set.tables.publish_to(program)?;
        let host = Host { image, counters: RefCell::new(values(program)?) };
        Ok(Self { program, set, seed, host, frame: HostFrame::new(&[], 0, 0), room: (HEAD, ROOM) })
    }

    fn run(&mut self, seeds: &Seeds, numbers: std::ops::Range<u64>, counters: &mut [u64]) -> Result<()> {
        let before = values(self.program)?;
        let mut next = numbers.start;
        while next < numbers.end {
            let batch = next..numbers.end.min(next + BATCH);
            next = batch.end;
            let start = values(self.program)?;
            for number in batch.clone() {
                self.compare(&seeds.frame(self.set, self.seed, number), number)?;
            }
            if *self.host.counters.borrow() != values(self.program)? {
                // One frame was counted otherwise; each of them again, with a look at the counters.
                *self.host.counters.borrow_mut() = values(self.program)?;
                for number in batch {
                    let frame = seeds.frame(self.set, self.seed, number);
                    self.compare(&frame, number)?;
                    let kernel = values(self.program)?;
                    if *self.host.counters.borrow() != kernel {
                        bail!("{}", self.report(&frame, number, &counted_otherwise(&self.host, &kernel)));
                    }
                }
                bail!("counters differ after a batch, but not in a second run: {start:?}");
            }
        }
        for ((sum, before), after) in counters.iter_mut().zip(before).zip(values(self.program)?) {
            *sum += after - before;
        }
        Ok(())
    }

    fn compare(&mut self, bytes: &[u8], number: u64) -> Result<()> {
        let (action, kernel) = self.program.test_run(bytes, 1)?;
        self.frame.refill(bytes, self.room.0, self.room.1);
        let end = self.host.respond(&mut self.frame);
        let same = action == end.action
            && match action {
                PASS => kernel == bytes && self.frame.bytes() == bytes,
                TX => kernel == self.frame.bytes(),
                _ => true,
            };
        if !same {
            let kernel = format!("kernel: action {action}, {}", table::hex(&kernel));
            bail!("{}", self.report(bytes, number, &kernel));
        }
        if action == TX
            && let Err(error) = Datagram::parse(&kernel)
        {
            bail!("{}", self.report(bytes, number, &format!("a reply that nobody accepts: {error:#}")));
        }
        Ok(())
    }

    /// The frame, what both said, and a vector for it.
    fn report(&self, bytes: &[u8], number: u64, what: &str) -> String {
        let mut frame = HostFrame::new(bytes, self.room.0, self.room.1.saturating_sub(bytes.len()));
        let end = self.host.respond(&mut frame);
        let counter = Counters::NAMES[usize::from(end.counter.0)];
        let expected = match end.action {
            PASS => format!("pass = \"{counter}\""),
            DROP => format!("drop = \"{counter}\""),
            _ => format!("# {counter}; describe the reply: {}", table::hex(frame.bytes())),
        };
        format!(
            "host and kernel differ at frame {number} of seed {} (tables {})\nframe: {}\n{what}\n\
             host: action {}, {counter}, {}\n\n[[vector]]\nname = \"frame {number} of seed {}\"\n\
             description = \"\"\ntables = \"{}\"\nframe = {{ hex = \"{}\" }}\n{expected}\n",
            self.seed,
            self.set.tables.name,
            table::hex(bytes),
            end.action,
            table::hex(frame.bytes()),
            self.seed,
            self.set.tables.name,
            table::hex(bytes),
        )
    }
}

fn counted_otherwise(host: &Host, kernel: &[u64]) -> String {
    let host = host.counters.borrow();
    let rows =
        Counters::NAMES.iter().zip(host.iter().zip(kernel)).filter(|(_, (host, kernel))| host != kernel);
    rows.map(|(name, (host, kernel))| format!("{name}: host {host}, kernel {kernel}\n")).collect()
}

fn values(program: &Program) -> Result<Vec<u64>> {
    Ok(program.counters()?.into_iter().map(|(_, value)| value).collect())
}

/// The responder on the host as the XDP program's `main` runs it, with counters like the kernel's.
struct Host {
    image: Image,
    counters: RefCell<Vec<u64>>,
}

impl Host {
    fn respond(&self, frame: &mut HostFrame) -> End {
        let mut question = Question::new();
        match respond::to_frame(frame, self, &mut question) {
            Ok(counter) => End { action: TX, counter },
            Err(reason) => {
                self.count(reason.into());
                let action = if reason.verdict() == Verdict::Drop { DROP } else { PASS };
                End { action, counter: reason.into() }
            }
        }
    }
}

impl Tables for Host {
    fn settings(&self) -> Option<&Settings> {
        self.image.settings()
    }

    fn service(&self, position: u32) -> Option<&Service> {
        self.image.service(position)
    }

    fn slot(&self, position: u32) -> u32 {
        self.image.slot(position)
    }

    fn answer_set(&self, slot: u32) -> Option<&AnswerSet> {
        self.image.answer_set(slot)
    }

    fn choice(&self, slot: u32) -> Option<&Choice> {
        self.image.choice(slot)
    }

    fn view(&self, client: Address, side: u8) -> u32 {
        self.image.view(client, side)
    }

    fn stale_mask(&self, settings: &Settings) -> u32 {
        self.image.stale_mask(settings)
    }

    fn judge_rate(&self, client: Address) -> rate::Verdict {
        self.image.judge_rate(client)
    }

    fn count(&self, counter: Counter) -> u64 {
        let value = &mut self.counters.borrow_mut()[usize::from(counter.0)];
        *value += 1;
        *value - 1
    }

    fn uncount(&self, counter: Counter) {
        self.counters.borrow_mut()[usize::from(counter.0)] -= 1;
    }
}

/// Runs a closure while the thread is on one CPU.
fn on_one_cpu<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let this = Pid::from_raw(0);
    let before = sched_getaffinity(this).context("asking for the CPUs")?;
    let mut allowed = (0..CpuSet::count()).filter(|cpu| before.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(allowed.next_back().context("no CPU is allowed")?)?;
    sched_setaffinity(this, &one).context("choosing a CPU")?;
    let outcome = work();
    sched_setaffinity(this, &before).context("going back to all CPUs")?;
    let outcome = outcome?;
    ensure!(sched_getaffinity(this)? == before, "the CPUs are others than before");
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the host has no room, it passes what the kernel answers: the first such frame is told, as a vector.
    #[test]
    fn a_difference_is_told_with_its_frame() -> Result<()> {
        let seeds = Seeds::new()?;
        let error = on_one_cpu(|| {
            let mut program = Program::load(None)?;
            for (set, numbers) in seeds.shares(10_000) {
                let mut pair = Pair::new(&mut program, set, 1)?;
                pair.room = (0, 0);
                pair.run(&seeds, numbers, &mut vec![0; Counter::COUNT])?;
            }
            Ok(())
        })
        .expect_err("host and kernel have not the same room");
        let text = format!("{error:#}");
        for part in ["of seed 1", "kernel: action 3", "frame = { hex = \"", "pass = \"no_room\""] {
            assert!(text.contains(part), "{part}: {text}");
        }
        Ok(())
    }

    /// The same frames again, which is what makes a finding worth anything.
    #[test]
    fn frames_follow_from_their_seed() -> Result<()> {
        let (first, second) = (Seeds::new()?, Seeds::new()?);
        for ((set, numbers), (again, _)) in first.shares(1000).zip(second.shares(1000)) {
            for number in numbers {
                assert_eq!(first.frame(set, 7, number), second.frame(again, 7, number));
            }
        }
        Ok(())
    }
}
