//! Chaos: two load balancers and several servers, viewers that ask and connect all the time, and faults at random.
//!
//! Which faults come, and when, follows from one number; how programs and threads take turns does not. What must hold meanwhile
//! is in [`truth`] and [`askers`]; a fault that breaks it fails the run.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::lab::{plan::Plan, run::Run, scene::Scene};

mod admin;
mod askers;
mod attachment;
mod clock;
mod disk;
mod fault;
mod faults;
mod figures;
mod footprint;
mod loss;
mod survivor;
mod truth;
mod upgrade;

use askers::Askers;
use faults::Chaos;
pub use figures::Figures;
use truth::Truth;

/// Between two faults, in milliseconds.
const PAUSES: std::ops::Range<u64> = 100..1500;

/// Plays for so long, and tells what it saw.
///
/// # Errors
/// What broke an invariant, with the figures, or a lab that does not work.
pub fn run(seed: u64, length: Duration, progress: &dyn Fn(&str)) -> Result<Figures> {
    let scene = Scene::build(Run::start()?, &Plan::chaos(), progress)?;
    let truth = Truth::new(&scene);
    let askers = Askers::new(&scene, &truth)?;
    let mut chaos = Chaos::new(scene, fastrand::Rng::with_seed(seed), &truth)?;
    let stop = AtomicBool::new(false);
    let played = thread::scope(|scope| {
        let asking: Vec<_> = askers.start(scope, &stop);
        let played = play(&mut chaos, length, progress);
        stop.store(true, Ordering::Relaxed);
        let ended = asking
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ended.collect::<Result<Vec<()>>>().and(played)
    });
    let figures = Figures::new(seed, length, &askers, &chaos, &truth);
    let broken = truth.broken();
    match played {
        Err(error) => Err(error.context(format!("{figures}"))),
        Ok(()) if !broken.is_empty() => bail!("{figures}\nbroken:\n  {}", broken.join("\n  ")),
        Ok(()) if figures.judged_dead == 0 => {
            bail!(
                "{figures}\nno answer was judged while a server was long dead: play for longer, or another seed"
            )
        }
        Ok(()) => Ok(figures),
    }
}

fn play(chaos: &mut Chaos<'_>, length: Duration, progress: &dyn Fn(&str)) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < length {
        // In the last two thirds one controller lives on at a time.
        let survivor = match start.elapsed() {
            elapsed if elapsed < length / 3 => None,
            elapsed if elapsed < length / 3 * 2 => Some(1),
            _ => Some(0),
        };
        chaos.let_live(survivor)?;
        let told = chaos.fault()?;
        progress(&format!("{:7.1} s  {told}", start.elapsed().as_secs_f32()));
        thread::sleep(Duration::from_millis(chaos.random(PAUSES)));
    }
    chaos.end()
}
