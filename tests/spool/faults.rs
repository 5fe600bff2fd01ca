//! Faults: destinations that refuse, a disk that is full, a log that is damaged, a process that is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use spanreel::{
    BatchConfig, BuildError, Builder, ByteSize, Fate, Spool, SpoolError, SpoolFull, SpoolMode,
    WhenFull,
};

use crate::backend::{Backend, Manner};
use crate::ledger::{assert_adds_up, assert_settled};
use crate::{one_at_a_time, prompt, spool, wait_until, work};

const GRACE: Duration = Duration::from_secs(10);

/// The files of a directory whose names end so.
fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    found.sort();
    found
}

/// A span that is refused for good costs none of its neighbours, and is kept with the words of the backend.
#[test]
fn what_is_refused_is_in_quarantine_and_nothing_else() {
    for mode in [SpoolMode::Overflow, SpoolMode::Always] {
        let directory = tempfile::tempdir().expect("a directory");
        let backend = Backend::new(Manner::RefusesBad);
        let spool = spool(directory.path()).mode(mode);
        let pipeline = prompt().spool_with(spool).export(backend.clone()).start();
        let pipeline = pipeline.expect("a pipeline");
        let session = pipeline.session("conv-1").expect("open");
        work(&session, 500);
        session.child("bad").start().end();
        work(&session, 500);
        wait_until("the others are delivered", || backend.spans() == 1000);
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert!(report.is_lossless(), "{report}");
        let lane = &report.lanes[0].traces;
        assert_eq!(lane.of(Fate::Exported), 1001, "{mode:?} {report}");
        assert_eq!(lane.of(Fate::Quarantined), 1, "{mode:?} {report}");
        assert_eq!(backend.duplicates(), 0);
        let quarantine = directory.path().join("quarantine");
        let words = files(&quarantine, ".txt");
        assert_eq!((words.len(), files(&quarantine, ".otlp").len()), (1, 1));
        let words = fs::read_to_string(&words[0]).expect("text");
        assert!(
            words.contains("a bad span") && words.contains("items: 1"),
            "{words}"
        );
    }
}

/// A backend that refuses everything is not asked for each span, and everything is kept.
#[test]
fn a_backend_that_refuses_all_is_not_asked_for_each() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::new(Manner::RefusesAll);
    let pipeline = prompt()
        .spool_with(spool(directory.path()))
        .export(backend.clone())
        .start();
    let pipeline = pipeline.expect("a pipeline");
    let session = pipeline.session("conv-1").expect("open");
    work(&session, 4000);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert_eq!(
        report.lanes[0].traces.of(Fate::Quarantined),
        4001,
        "{report}"
    );
    let requests = report.lanes[0].requests as usize;
    assert_eq!(requests, backend.attempts());
    assert!(requests < 2000, "{requests}");
}

/// Refused credentials pause the lane and lose nothing; when they are right, all is delivered.
#[test]
fn refused_credentials_pause_the_lane() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::new(Manner::Denies);
    let start = || {
        let spool = spool(directory.path());
        prompt()
            .spool_with(spool)
            .export(backend.clone())
            .start()
            .expect("a pipeline")
    };
    let pipeline = start();
    let session = pipeline.session("conv-1").expect("open");
    for _ in 0..50 {
        work(&session, 20);
        std::thread::sleep(Duration::from_millis(5));
    }
    // A few before the first answer; later ones wait.
    assert!(backend.attempts() <= 10, "{}", backend.attempts());
    let stats = pipeline.stats();
    assert_eq!(stats.lanes[0].traces.of(Fate::Quarantined), 0);
    assert!(stats.lanes[0].on_disk > 0);
    drop(session);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    backend.now(Manner::Accepts);
    let pipeline = start();
    wait_until("all is delivered", || backend.spans() == 1001);
    assert_settled(&pipeline.shutdown_blocking(GRACE));
}

/// One slow lane among several goes by way of the disk and gets everything; the other does not wait for it.
#[test]
fn a_slow_lane_does_not_hold_the_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let fast = Backend::named("fast", Manner::Accepts);
    let slow = Backend::named("slow", Manner::Slow(Duration::from_millis(60)));
    let pipeline = small_batches(prompt())
        .spool_with(spool(directory.path()))
        .budget(ByteSize::mib(8))
        .export(fast.clone())
        .export(one_at_a_time(slow.clone()))
        .start()
        .expect("a pipeline");
    let session = pipeline.session("conv-1").expect("open");
    for round in 1..=300_u64 {
        work(&session, 20);
        wait_until("the fast one has it", || fast.spans() + 500 >= 20 * round);
    }
    wait_until("the fast one has all", || fast.spans() == 6000);
    assert!(slow.spans() < 6000);
    let on_disk = pipeline.stats().lanes[1].on_disk;
    assert!(on_disk > 0, "nothing went to the disk");
    slow.now(Manner::Accepts);
    wait_until("the slow one has all", || slow.spans() == 6000);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!((fast.duplicates(), slow.duplicates()), (0, 0));
    assert_eq!(report.lanes[1].traces.of(Fate::LaneFull), 0);
}

fn small_batches(builder: Builder) -> Builder {
    builder.batch(BatchConfig {
        schedule_delay: Duration::from_millis(2),
        max_export_batch_size: 20,
        ..BatchConfig::default()
    })
}

/// Spans of a turn of [`heavy_turn`].
const TURN: u64 = 7;

/// Waits for room and ends spans of 8 KiB each: no more than a session puts aside, though each were a chunk of its
/// own behind one that lingers, as on a machine so slow that the sweeper comes between them.
fn heavy_turn(session: &spanreel::Session) {
    futures::executor::block_on(session.ready()).expect("open");
    let text = "x".repeat(8 << 10);
    for _ in 0..TURN {
        let mut span = session.child("heavy").start();
        span.set("text", text.as_str());
        span.end();
    }
}

/// A spool that is full and drops its oldest keeps the newest, and books what it gave up: with small batches,
/// and with large ones, of which most are in memory as well until the end.
#[test]
fn a_full_spool_gives_up_its_oldest() {
    for delay in [5, 300].map(Duration::from_millis) {
        let directory = tempfile::tempdir().expect("a directory");
        let backend = Backend::new(Manner::Away);
        let small = Spool::at(directory.path(), ByteSize::mib(8)).when_full(SpoolFull::DropOldest);
        let batch = BatchConfig {
            schedule_delay: delay,
            ..BatchConfig::default()
        };
        let start = || {
            let builder = prompt().batch(batch.clone()).spool_with(small.clone());
            let builder = builder.when_full(WhenFull::Block);
            builder.export(backend.clone()).start().expect("a pipeline")
        };
        let pipeline = start();
        let session = pipeline.session("conv-1").expect("open");
        for _ in 0..286 {
            heavy_turn(&session);
        }
        wait_until("it is full", || pipeline.stats().spool > ByteSize::mib(5));
        assert!(pipeline.stats().spool <= ByteSize::mib(8));
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        let lane = &report.lanes[0].traces;
        assert_eq!(report.lost(), lane.of(Fate::Evicted), "{report}");
        let spooled = lane.of(Fate::Spooled);
        assert_eq!(spooled + report.lost(), 2003, "{report}");
        assert!(spooled > 400 && report.lost() > 500, "{report}");

        backend.now(Manner::Accepts);
        let pipeline = start();
        wait_until("the rest is delivered", || backend.spans() == spooled);
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert_eq!(backend.spans(), spooled);
        assert_eq!(backend.duplicates(), 0);
    }
}

/// A spool that is full and blocks makes the host that waits slow, and loses nothing.
#[test]
fn a_full_spool_makes_the_host_wait() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::new(Manner::Away);
    let small = Spool::at(directory.path(), ByteSize::mib(8));
    let pipeline = prompt()
        .spool_with(small)
        .budget(ByteSize::mib(8))
        .when_full(WhenFull::Block)
        .export(backend.clone())
        .start()
        .expect("a pipeline");
    let session = pipeline.session("conv-1").expect("open");
    // Twice of what fits into the spool and the budget together.
    const TURNS: u64 = 600;
    let host = std::thread::spawn(move || {
        for _ in 0..TURNS {
            heavy_turn(&session);
        }
        session
    });
    wait_until("it is full", || pipeline.stats().spool_stuck);
    assert!(!host.is_finished(), "{:?}", pipeline.stats());
    backend.now(Manner::Accepts);
    let session = host.join().expect("no panic");
    wait_until("all is delivered", || backend.spans() == TURNS * TURN);
    drop(session);
    assert_adds_up(&pipeline.stats());
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(backend.duplicates(), 0);
}

/// Damage to the log between two runs costs the records that it hits, and no others.
#[test]
fn damage_costs_what_it_hits() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::new(Manner::Away);
    let start = || {
        let spool = spool(directory.path()).mode(SpoolMode::Always);
        small_batches(prompt())
            .spool_with(spool)
            .export(backend.clone())
            .start()
            .expect("a pipeline")
    };
    let pipeline = start();
    let session = pipeline.session("conv-1").expect("open");
    for _ in 0..100 {
        work(&session, 20);
        futures::executor::block_on(pipeline.flush(Duration::from_millis(1))).expect("open");
    }
    assert_settled(&pipeline.shutdown_blocking(GRACE));

    let segments = files(directory.path(), ".seg");
    let mut bytes = fs::read(&segments[0]).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&segments[0], &bytes).expect("written");

    backend.now(Manner::Accepts);
    let pipeline = start();
    let recovered = pipeline.stats().lanes[0].recovered;
    assert!((1900..2001).contains(&recovered), "{recovered}");
    wait_until("the others are delivered", || backend.spans() == recovered);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
}

/// What is no directory, not a spool's or of a later version is refused in plain words, and left as it is.
#[test]
fn a_directory_that_is_none_of_ours_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let refused = |path: &Path| {
        let started = prompt()
            .spool_with(spool(path))
            .export(spanreel::Null)
            .start();
        match started.expect_err("it is refused") {
            BuildError::Spool(error) => error,
            other => panic!("{other}"),
        }
    };
    let file = directory.path().join("file");
    fs::write(&file, "text").expect("written");
    assert!(matches!(refused(&file), SpoolError::NotADirectory(_)));
    let below = refused(&file.join("below"));
    assert!(matches!(below, SpoolError::Io { .. }), "{below}");
    let foreign = refused(directory.path());
    assert!(matches!(foreign, SpoolError::Foreign(_)));
    assert!(foreign.to_string().contains("empty directory"), "{foreign}");
    assert_eq!(
        fs::read_dir(directory.path()).expect("it is there").count(),
        1
    );

    let newer = directory.path().join("newer");
    fs::create_dir(&newer).expect("created");
    fs::write(newer.join("FORMAT"), "spanreel spool 2\n").expect("written");
    let error = refused(&newer);
    assert!(
        matches!(error, SpoolError::NewerFormat { format: 2, .. }),
        "{error}"
    );
    assert_eq!(fs::read_dir(&newer).expect("it is there").count(), 1);

    let tiny = Spool::at(directory.path().join("tiny"), ByteSize::mib(1));
    let started = prompt().spool_with(tiny).export(spanreel::Null).start();
    let error = started.expect_err("it is refused").to_string();
    assert!(error.contains("spool.max_size"), "{error}");
}

/// Two pipelines on one directory keep apart, and what one leaves behind is delivered by whoever starts next.
#[test]
fn two_pipelines_on_one_directory_keep_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::new(Manner::Away);
    let start = || {
        let spool = spool(directory.path());
        prompt()
            .spool_with(spool)
            .export(backend.clone())
            .start()
            .expect("a pipeline")
    };
    let (first, second) = (start(), start());
    for (pipeline, id) in [(&first, "conv-1"), (&second, "conv-2")] {
        work(&pipeline.session(id).expect("open"), 100);
    }
    for pipeline in [first, second] {
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert_eq!(report.lanes[0].traces.of(Fate::Spooled), 101, "{report}");
    }
    backend.now(Manner::Accepts);
    let pipeline = start();
    assert_eq!(pipeline.stats().lanes[0].recovered, 202);
    wait_until("all is delivered", || backend.spans() == 202);
    assert_settled(&pipeline.shutdown_blocking(GRACE));
    assert_eq!(backend.duplicates(), 0);
    let entries = fs::read_dir(directory.path()).expect("it is there");
    let left = entries
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().starts_with("process-"))
        .count();
    assert_eq!(left, 0);
}

/// Nobody but the owner can read what is on disk.
#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("spool");
    let backend = Backend::new(Manner::Away);
    let pipeline = prompt().spool_with(spool(&path)).export(backend).start();
    let pipeline = pipeline.expect("a pipeline");
    work(&pipeline.session("conv-1").expect("open"), 10);
    assert_settled(&pipeline.shutdown_blocking(GRACE));
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("quarantine")), 0o700);
    for end in ["LOCK", "FORMAT", ".seg", ".cur"] {
        let found = files(&path, end);
        assert!(!found.is_empty(), "{end}");
        for file in found {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }
}
