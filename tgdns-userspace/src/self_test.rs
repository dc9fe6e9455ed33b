//! Whether the loaded program answers as the controller would.
//!
//! The program in the kernel is given query frames (BPF_PROG_TEST_RUN) with the live maps, one for each cluster, view and
//! type of address, and the responder on the host answers the same frames from the image that was published. The replies
//! have to be the same, byte for byte. Where an answer begins depends on how often its kind was given, so a run is compared
//! with all counts that its CPU can have had. The program counts each of these queries, and gives it its turn, like any other; only
//! the limit (`dns.rate_limit`) leaves them out, so that they tell something always and take nobody's answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tgdns_common::{
    counter::{Counter, Counters},
    query::Question,
    reason::Verdict,
    respond,
};

use crate::{image::Image, query, responder::message::Message};
use cases::Case;
use networks::Networks;
use turned::Turned;

mod cases;
mod networks;
mod turned;

/// More than a reply is longer than its query, in bytes.
const ROOM: usize = 2048;
/// Answers of a kind that one CPU may give during a run; of more, others are left out.
const TURNS: u64 = 4096;
/// So many wrong answers make a question fail: on older kernels a frame that comes meanwhile can spoil one.
const TRIES: usize = 3;

const PASS: u32 = 2;
const DROP: u32 = 1;
const TX: u32 = 3;

/// One run of the program: its action and frame, and the counters of each CPU before and afterwards.
pub struct Run {
    pub action: u32,
    pub frame: Vec<u8>,
    pub before: Vec<Counters>,
    pub after: Vec<Counters>,
}

/// Whether the controller is heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Fresh,
    Stale,
}

impl Age {
    /// What has not been heard of lately may be either.
    pub const UNKNOWN: [Self; 2] = [Self::Fresh, Self::Stale];
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Findings {
    networks: Networks,
    next: usize,
    asked: u64,
    differences: u64,
    took: Duration,
    /// What the program has counted for it.
    counted: Counters,
    /// Who is answered otherwise than the tables say, and how, by the last question each.
    failing: BTreeMap<String, String>,
}

/// What a round has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Who is answered otherwise than before, and how.
    pub failed: Vec<String>,
    /// Who is answered again as the tables say.
    pub mended: Vec<String>,
}

impl Findings {
    /// Asks all questions of an image once; it is of one of those ages.
    ///
    /// # Errors
    /// The program can't be run, or answers otherwise than the image says.
    pub fn check(
        &mut self,
        image: &Image,
        ages: &[Age],
        mut run: impl FnMut(&[u8]) -> Result<Run>,
    ) -> Result<()> {
        let (start, asked) = (Instant::now(), self.asked);
        self.failing.clear();
        self.networks.follow(&image.prefixes);
        for place in 0..cases::count(image) {
            self.ask(place, 1, image, ages, &mut run).context("the self-test cannot run")?;
        }
        self.took += start.elapsed();
        let failing: Vec<String> = self.failing().take(3).collect();
        ensure!(
            failing.is_empty(),
            "the self-test failed, so the program is not attached: it does not answer as its tables say ({} of {} questions: \
             {}); please report this with the kernel's version (`uname -r`), and answer from sockets meanwhile (xdp_mode = \
             \"off\")",
            self.failing.len(),
            self.asked - asked,
            failing.join("; ")
        );
        Ok(())
    }

    /// Asks the next questions of an image, which has to be fresh: one at least, each at most once, and no further one after that time.
    ///
    /// # Errors
    /// The program can't be run.
    pub fn ask_some(
        &mut self,
        image: &Image,
        until: Instant,
        mut run: impl FnMut(&[u8]) -> Result<Run>,
    ) -> Result<News> {
        let start = Instant::now();
        let before = self.failing.clone();
        let count = cases::count(image);
        self.networks.follow(&image.prefixes);
        self.failing.retain(|name, _| cases::has(image, name));
        for _ in 0..count {
            let place = self.next % count;
            self.next = place + 1;
            self.ask(place, usize::MAX, image, &[Age::Fresh], &mut run)?;
            if Instant::now() >= until {
                break;
            }
        }
        self.took += start.elapsed();
        let new = |(name, told): (&String, &String)| {
            (!before.contains_key(name)).then(|| format!("{name}: {told}"))
        };
        let failed = self.failing.iter().filter_map(new).collect();
        let mended = before.into_keys().filter(|name| !self.failing.contains_key(name)).collect();
        Ok(News { failed, mended })
    }

    /// Counters, by their names.
    pub fn counts(&self) -> [(&'static str, u64); 4] {
        [
            ("asked", self.asked),
            ("differences", self.differences),
            ("failing", self.failing.len() as u64),
            ("microseconds", self.took.as_micros() as u64),
        ]
    }

    /// Who is answered otherwise than the tables say, and how.
    pub fn failing(&self) -> impl Iterator<Item = String> {
        self.failing.iter().map(|(name, told)| format!("{name}: {told}"))
    }

    /// What the program has counted for the questions, by counter.
    pub fn counted(&self) -> &Counters {
        &self.counted
    }

    fn count(&mut self, Counter(counter): Counter) {
        if let Some(count) = self.counted.values_mut().get_mut(usize::from(counter)) {
            *count += 1;
        }
    }

    /// Asks one question, for as many turns as its answers take, but no more than that. After a wrong answer it is asked
    /// again for all turns, twice; it fails with the third wrong one.
    fn ask(
        &mut self,
        place: usize,
        most_turns: usize,
        image: &Image,
        ages: &[Age],
        run: &mut impl FnMut(&[u8]) -> Result<Run>,
    ) -> Result<()> {
        let Some(case) = Case::find(image, &self.networks, place) else { return Ok(()) };
        let (mut right, mut wrong) = (0, 0);
        let mut enough = case.turns.min(most_turns);
        while right < enough {
            let Err(told) = self.ask_once(image, &case, ages, run)? else {
                right += 1;
                continue;
            };
            wrong += 1;
            if wrong == TRIES {
                self.differences += 1;
                self.failing.insert(case.name, told);
                return Ok(());
            }
            // It may be wrong at one turn alone, which clients can take meanwhile.
            (right, enough) = (0, 2 * case.turns);
        }
        self.failing.remove(&case.name);
        Ok(())
    }

    /// Gives how the answer is another than it should be, in words.
    fn ask_once(
        &mut self,
        image: &Image,
        case: &Case,
        ages: &[Age],
        run: &mut impl FnMut(&[u8]) -> Result<Run>,
    ) -> Result<Result<(), String>> {
        let run = run(&case.frame)?;
        self.asked += 1;
        // What is another may have been counted as anything.
        Ok(judge(image, case, ages, &run).map(|counter| self.count(counter)))
    }
}

/// As what the host counts a run's outcome, if it is the same at one of those ages; else how it is another, in words.
fn judge(image: &Image, case: &Case, ages: &[Age], run: &Run) -> Result<Counter, String> {
    for age in ages {
        let (expected, counter) = answer(image, &case.frame, 0, *age);
        let is_same = run.action == expected.action
            && match run.action {
                TX => turns(run, counter)
                    .any(|turn| answer(image, &case.frame, turn, *age).0.frame == run.frame),
                // What is not answered has no turns.
                _ => run.frame == case.frame,
            };
        if is_same {
            return Ok(counter);
        }
    }
    let (expected, _) = answer(image, &case.frame, 0, ages.first().copied().unwrap_or(Age::Fresh));
    Err(format!(
        "the program {}, and its tables say that it {}",
        query::in_words(run.action, &run.frame),
        query::in_words(expected.action, &expected.frame)
    ))
}

/// The counts of a kind that a run can have found.
fn turns(run: &Run, Counter(counter): Counter) -> impl Iterator<Item = u64> {
    let count = move |counters: &Counters| counters.values().get(usize::from(counter)).copied();
    let ranges: BTreeSet<(u64, u64)> = run
        .before
        .iter()
        .zip(&run.after)
        .filter_map(|(before, after)| Some((count(before)?, count(after)?)))
        .collect();
    ranges.into_iter().flat_map(|(before, after)| Range { start: before, end: after.min(before + TURNS) })
}

struct Outcome {
    action: u32,
    frame: Vec<u8>,
}

/// What the host makes of a frame at that turn, and as what it counts that.
fn answer(image: &Image, frame: &[u8], turn: u64, age: Age) -> (Outcome, Counter) {
    let mut buffer = frame.to_vec();
    buffer.resize(frame.len() + ROOM, 0);
    let mut message = Message::new(&mut buffer, frame.len());
    let tables = Turned { image, turn, is_stale: age == Age::Stale };
    let outcome = respond::to_frame(&mut message, &tables, &mut Question::new());
    let length = message.into_length();
    buffer.truncate(length);
    match outcome {
        Ok(counter) => (Outcome { action: TX, frame: buffer }, counter),
        Err(reason) => {
            let action = match reason.verdict() {
                Verdict::Pass => PASS,
                Verdict::Drop => DROP,
            };
            (Outcome { action, frame: frame.to_vec() }, reason.into())
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
