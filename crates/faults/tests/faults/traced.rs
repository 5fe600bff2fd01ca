//! Processes that are killed at, and disks that fail under, every single call that reaches the disk: rows 10,
//! 11, 14 and 15.

use std::collections::BTreeSet;
use std::path::Path;

use spanreel_faults::process::{Job, Program, Said};
use spanreel_faults::tracer::{Act, Ended, Plan, run};
use spanreel_faults::{Manner, Sink, seeds};

use crate::{ORACLE, deliver_all};

/// All calls that change or keep files.
const ALL: &[&str] = &[
    "pwrite64",
    "fdatasync",
    "fsync",
    "create",
    "rename",
    "remove",
    "mkdir",
    "ftruncate",
    "flock",
];

/// Those at which a process is killed at least once: a new directory sees all of them.
const KINDS: &[&str] = ALL.split_at(7).0;

/// Runs a producer of so many spans under a tracer.
fn produce(spool: &Path, sink: &Sink, first: u64, plan: &Plan) -> (Ended, Said) {
    let url = sink.url();
    let job = Job {
        spool,
        url: &url,
        first,
        spans: 60,
        mib: 16,
    };
    let mut program = Program::producer(ORACLE, &job);
    let ended = run(&mut program, plan);
    (ended, program.hear_all())
}

/// How many calls a producer makes that nothing is done to.
fn calls(manner: Manner) -> Vec<&'static str> {
    let directory = tempfile::tempdir().expect("a directory");
    let sink = Sink::start(manner);
    let plan = Plan {
        calls: ALL,
        number: 0,
        times: 0,
        act: Act::Watch,
    };
    let (ended, said) = produce(&directory.path().join("spool"), &sink, 1, &plan);
    assert_eq!(
        (ended.code, said.number("lost")),
        (Some(0), Some(0)),
        "{said:?}"
    );
    assert_eq!(said.durable.len(), 60);
    ended.calls
}

/// A process is killed before each call that reaches the disk: in a new directory, and in one that others
/// left in whatever state, so that recovery is killed as well, again and again. Nothing durable is lost.
#[test]
fn what_is_durable_survives_being_killed_at_any_call() {
    let most = calls(Manner::Accepts)
        .len()
        .max(calls(Manner::Refuses).len());
    let kills = usize::try_from(seeds::count("SPANREEL_KILLS", 200) / 2).expect("a count");
    let mut random = fastrand::Rng::with_seed(seeds::seeds(1).start);
    let mut hit = BTreeSet::new();
    let mut acknowledged = 0;
    let mut killed = 0;
    while killed < kills {
        let directory = tempfile::tempdir().expect("a directory");
        let sink = Sink::start(Manner::Accepts);
        let mut durable = BTreeSet::new();
        for life in 0..5_u64 {
            let manners = [Manner::Accepts, Manner::Refuses, Manner::ResetsAfter];
            let manner = manners[random.usize(..3)].clone();
            // New directories see the first call of each kind, then all points in turn; later lives some at
            // random.
            let round = killed / 5;
            let (calls, number, manner) = match life {
                0 if round < KINDS.len() => (&KINDS[round..=round], 0, Manner::Accepts),
                0 => (ALL, (round - KINDS.len()) % most, manner),
                _ => (ALL, random.usize(..most), manner),
            };
            sink.now(manner);
            let plan = Plan {
                calls,
                number,
                times: 1,
                act: Act::Kill,
            };
            let (ended, said) = produce(
                &directory.path().join("spool"),
                &sink,
                1 + 1000 * life,
                &plan,
            );
            assert!(
                ended.code.is_none() || ended.code == Some(0),
                "{ended:?} {said:?}"
            );
            hit.extend(ended.hit);
            durable.extend(said.durable);
            killed += 1;
        }
        sink.now(Manner::Accepts);
        deliver_all(&directory.path().join("spool"), &sink);
        let verdict = sink.judge(&durable);
        assert!(
            verdict.missing.is_empty() && verdict.changed.is_empty(),
            "{killed}: {verdict}"
        );
        acknowledged += durable.len();
    }
    println!("{killed} kills at {hit:?}, {acknowledged} acknowledged, none lost");
    for call in KINDS {
        assert!(hit.contains(call) || kills < 100, "never at {call}");
    }
    assert!(acknowledged > kills, "{acknowledged}");
}

/// Fails calls of a producer, lets it end and starts the next: what was durable must arrive.
fn assert_survives(plan: &Plan, manner: Manner) -> Ended {
    let directory = tempfile::tempdir().expect("a directory");
    let spool = directory.path().join("spool");
    let sink = Sink::start(manner);
    let (ended, said) = produce(&spool, &sink, 1, plan);
    // It ends by itself, having refused to start or having told what it could not keep.
    match ended.code {
        Some(0) => assert!(said.number("lost").is_some(), "{plan:?} {said:?}"),
        Some(3) => assert!(
            said.last.starts_with("refused the spool cannot be used"),
            "{plan:?} {said:?}"
        ),
        _ => panic!("{plan:?} {ended:?} {said:?}"),
    }
    sink.now(Manner::Accepts);
    deliver_all(&spool, &sink);
    let verdict = sink.judge(&said.durable);
    assert!(
        verdict.missing.is_empty() && verdict.changed.is_empty(),
        "{plan:?} {verdict}"
    );
    ended
}

/// A disk that has no room for a while, whichever call finds that out, costs nothing that was durable, and no
/// crash.
#[test]
fn a_disk_without_room_costs_nothing_durable() {
    for (calls, numbers) in [(&["pwrite64"][..], 0..12), (&["create", "mkdir"][..], 0..8)] {
        for number in numbers {
            for times in [1, 4] {
                let plan = Plan {
                    calls,
                    number,
                    times,
                    act: Act::NoSpace,
                };
                assert_survives(&plan, Manner::Accepts);
            }
        }
    }
}

/// A sync that fails is not believed later: what it was to keep is written to another file before anybody is
/// told that it is durable.
#[test]
fn a_sync_that_fails_costs_nothing_durable() {
    let mut rewritten = 0;
    for number in 0..12 {
        let plan = Plan {
            calls: &["fdatasync", "create"],
            number,
            times: 1,
            act: Act::Fails,
        };
        let ended = assert_survives(&plan, Manner::Refuses);
        if ended.hit == Some("fdatasync") && ended.code == Some(0) {
            // Records, not a cursor: a new file comes before the next sync.
            let behind = &ended.calls[number + 1..];
            rewritten += usize::from(behind.first() == Some(&"create"));
        }
    }
    assert!(rewritten > 0, "no sync of records was hit");
}

/// A disk that fails at any call at all costs nothing that was durable, and no crash.
#[test]
fn a_disk_that_fails_costs_nothing_durable() {
    let most = calls(Manner::Accepts).len();
    for number in (0..most).step_by(most / 24 + 1) {
        for manner in [Manner::Accepts, Manner::Refuses] {
            let plan = Plan {
                calls: ALL,
                number,
                times: 1 + number % 3,
                act: Act::Fails,
            };
            assert_survives(&plan, manner);
        }
    }
}
