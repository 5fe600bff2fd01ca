//! Processes that are killed at random: rows 14, 26 and 30, with another fault at the same time.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use spanreel_faults::process::{Job, Program, Said};
use spanreel_faults::{Manner, Sink, seeds};

use crate::{ORACLE, deliver_all};

/// How many kills one directory sees before everything in it is delivered.
const LIVES: u64 = 10;

/// Kills producers on one directory, now and then two at once, while the backend misbehaves; what any of
/// them was told to be durable has arrived in the end. Returns how much that was.
fn kill_some(seed: u64, kills: u64) -> usize {
    let _told = seeds::tell_when_failed("killing", seed);
    let mut random = fastrand::Rng::with_seed(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let sink = Sink::start(Manner::Accepts);
    let mut durable = BTreeSet::new();
    for kill in 0..kills {
        let manners = Manner::passing();
        let others = manners.len();
        sink.now(match random.usize(..2 * others) {
            chosen if chosen < others => manners[chosen].clone(),
            _ => Manner::Accepts,
        });
        let url = sink.url();
        let started = |number: u64| {
            let job = Job {
                spool: directory.path(),
                url: &url,
                first: 1 + (2 * kill + number) * 100_000,
                spans: 0,
                mib: 16,
            };
            let mut program = Program::producer(ORACLE, &job);
            program.begin();
            program
        };
        let mut programs = vec![started(0)];
        if random.u8(..4) == 0 {
            programs.push(started(1));
        }
        let mut said = Said::default();
        if random.u8(..4) > 0 {
            // In the middle of its work; else while it starts.
            programs[0].hear(random.usize(1..80), &mut said);
        }
        std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
        for program in &mut programs {
            program.kill();
            durable.extend(program.hear_all().durable);
        }
        durable.extend(said.durable);
    }
    sink.now(Manner::Accepts);
    deliver_all(directory.path(), &sink);
    sink.judge(&durable).assert_whole();
    durable.len()
}

/// However often and whenever processes are killed, what they were told to be durable is delivered.
#[test]
fn what_is_durable_survives_being_killed_at_any_moment() {
    let rounds = seeds::count("SPANREEL_KILLS", 200) / 2 / LIVES;
    let mut durable = 0;
    for seed in seeds::seeds(rounds.max(1)) {
        durable += kill_some(seed, LIVES);
    }
    println!(
        "{} kills at random, {durable} acknowledged, none lost",
        rounds * LIVES
    );
    assert!(durable > 100, "{durable}");
}

/// Two processes begin in a new directory at once and are killed, the first before it has said what the
/// directory is: it is a spool all the same, and what the second has left below is delivered.
#[test]
fn a_directory_that_was_only_begun_is_a_spool() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/1");
    for further in [
        None,
        Some("FORMAT.new"),
        Some("quarantine"),
        Some("sessions"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let neighbour = directory.path().join("process-1-0");
        fs::create_dir(&neighbour).expect("created");
        for file in fs::read_dir(&golden).expect("it is in the repository") {
            let file = file.expect("an entry").path();
            let name = file.file_name().expect("a name");
            fs::copy(&file, neighbour.join(name)).expect("copied");
        }
        fs::write(directory.path().join("LOCK"), "").expect("written");
        match further {
            Some(name @ ("quarantine" | "sessions")) => {
                fs::create_dir(directory.path().join(name)).expect("created");
            }
            Some(name) => fs::write(directory.path().join(name), "span").expect("written"),
            None => {}
        }
        let sink = Sink::start(Manner::Accepts);
        assert_eq!(deliver_all(directory.path(), &sink), 5, "{further:?}");
        sink.judge(&(1..=5).collect()).assert_whole();
        assert!(!neighbour.exists(), "{further:?}");
    }
}

/// A program with its defaults that is killed loses what ended in the last 50 ms: 10 spans of those that end
/// every 5 ms. A busy machine may be late; half a second, as without a spool that takes everything, would
/// cost all of them.
#[test]
fn a_killed_program_loses_what_ended_in_the_last_moments() {
    let directory = tempfile::tempdir().expect("a directory");
    let sink = Sink::start(Manner::Refuses);
    let mut program = Program::recorder(ORACLE, directory.path(), &sink.url());
    program.begin();
    let mut said = Said::default();
    program.hear(80, &mut said);
    program.kill();
    let ended = program.hear_all().ended.max(said.ended);
    sink.now(Manner::Accepts);
    deliver_all(directory.path(), &sink);
    let lost = ended - sink.spans();
    println!("{lost} of {ended} spans lost, one every 5 ms");
    assert!(lost <= 40, "{lost} of {ended}");
    sink.judge(&(1..=sink.spans()).collect()).assert_whole();
}
