//! The parts of spanreel that threads share, put to schedules of every kind.
//!
//! What is compiled here are the sources of `spanreel` themselves: the ledger and its receipts, the shelf and
//! the desk of the spool, the pool of buffers. They name `model::sync` for what threads share, and here that is
//! [shuttle]'s: it runs the threads of a scenario one at a time, and goes over from one to another
//! wherever they meet, as chance has it or as a few changes of priority have it. A schedule in which a scenario
//! panics or everybody waits is told, and can be repeated.
//!
//! What it cannot find: what weaker orderings than one order of all accesses permit, and races within the
//! channels, semaphores and notifications of others.
//!
//! Not published: it is for this repository's tests, and holds nothing that a pipeline uses.

// Their unit tests run where they are.
#![cfg(not(test))]

#[expect(
    dead_code,
    reason = "sources of spanreel as a whole, of which scenarios use what threads share"
)]
mod actors;
#[expect(dead_code, unreachable_pub, reason = "as above")]
mod model;

pub mod books;
pub mod buffers;
pub mod desks;
pub mod receipts;
pub mod shelves;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// How many changes of priority a schedule has that is not all chance: few are enough for most races.
const CHANGES: usize = 3;

/// Runs a scenario in so many schedules of each kind. The same in every run.
///
/// # Panics
/// In one of them the scenario panicked, or all of its threads waited.
pub fn explore(schedules: usize, scenario: fn()) {
    run(RandomScheduler::new_from_seed(1, schedules), scenario);
    run(PctScheduler::new_from_seed(1, CHANGES, schedules), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn()) {
    Runner::new(scheduler, Config::default()).run(scenario);
}
