//! A file system that is really full: row 10. It takes root to make one; without it
//! `traced::a_disk_without_room_costs_nothing_durable` has to do.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use spanreel::{
    BatchConfig, BuildError, Builder, ByteSize, Fate, Otlp, Spool, SpoolMode, WhenFull,
};
use spanreel_faults::producer::{self, HEAVY, record};
use spanreel_faults::{Manner, Sink};

use crate::ledger::{assert_adds_up, assert_settled};
use crate::{GRACE, wait_until};

/// A small file system in memory.
struct Small {
    directory: tempfile::TempDir,
}

impl Small {
    /// Mounts one, or says by name which test is passed over.
    #[expect(
        clippy::print_stderr,
        reason = "who runs it must know what was not tested"
    )]
    fn mount(test: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        if !mount(directory.path(), "size=1m") {
            eprintln!("SKIPPED {test}: it takes root to mount a small file system");
            return None;
        }
        Some(Self { directory })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Gives it more room.
    fn grow(&self) {
        assert!(mount(self.path(), "remount,size=64m"));
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

fn mount(path: &Path, options: &str) -> bool {
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(path)
        .stderr(std::process::Stdio::null())
        .status();
    mounted.is_ok_and(|status| status.success())
}

/// A pipeline of small batches, whose spool may have more than the disk has.
fn builder(path: &Path) -> Builder {
    let batch = BatchConfig {
        schedule_delay: Duration::from_millis(5),
        max_export_batch_bytes: ByteSize::kib(128),
        ..BatchConfig::default()
    };
    let spool = Spool::at(path.join("spool"), ByteSize::mib(32)).mode(SpoolMode::Always);
    producer::prompt()
        .batch(batch)
        .spool_with(spool)
        .budget(ByteSize::mib(8))
        .when_full(WhenFull::DropNewest)
}

/// A full disk costs what there is no room for, by name, and nothing else: those who record are not held up,
/// what is on it is whole, and when there is room it goes on.
#[test]
fn a_full_disk_costs_what_is_named_and_goes_on() {
    let Some(disk) = Small::mount("a_full_disk_costs_what_is_named_and_goes_on") else {
        return;
    };
    let sink = Sink::start(Manner::Refuses);
    let pipeline = builder(disk.path()).export(Otlp::http(sink.url())).start();
    let pipeline = pipeline.expect("a pipeline");
    let session = pipeline.session("conv-1").expect("open");
    let begun = Instant::now();
    for number in 1..=4000 {
        record(&session, HEAVY + number);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    wait_until("there is no room", || {
        pipeline.stats().traces.fates.of(Fate::QueueFull) > 0
    });
    assert!(pipeline.stats().lanes[0].on_disk > 0);

    disk.grow();
    sink.now(Manner::Accepts);
    wait_until("what was kept is delivered", || {
        let stats = pipeline.stats();
        stats.lanes[0].on_disk == 0 && stats.traces.held == 0 && stats.lanes[0].under_way == 0
    });
    for number in 5001..=5100 {
        record(&session, HEAVY + number);
    }
    session.end();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    let lost = report.traces.fates.of(Fate::QueueFull);
    assert_eq!(report.lost(), lost, "{report}");
    // The root has no number.
    let delivered = report.lanes[0].traces.of(Fate::Exported);
    assert_eq!(delivered + lost, 4101, "{report}");
    let numbers = (HEAVY + 5001..=HEAVY + 5100).collect();
    let verdict = sink.judge(&numbers);
    verdict.assert_whole();
    assert_eq!(verdict.twice, 0, "{verdict}");
    assert!(
        (delivered - 1..=delivered).contains(&sink.spans()),
        "{report}"
    );
}

/// A shutdown with the disk full and the backend away ends in time, names what it could not keep, and the
/// rest is there for the next start.
#[test]
fn a_shutdown_on_a_full_disk_names_what_is_lost() {
    let Some(disk) = Small::mount("a_shutdown_on_a_full_disk_names_what_is_lost") else {
        return;
    };
    let sink = Sink::start(Manner::Refuses);
    let start = || {
        let exporter = Otlp::http(sink.url());
        builder(disk.path()).export(exporter).start()
    };
    let pipeline = start().expect("a pipeline");
    let session = pipeline.session("conv-1").expect("open");
    (1..=400).for_each(|number| record(&session, HEAVY + number));
    let grace = Duration::from_secs(1);
    let report = pipeline.shutdown_blocking(grace);
    assert!(report.took < grace + Duration::from_millis(300), "{report}");
    assert_adds_up(&report);
    let kept = report.lanes[0].traces.of(Fate::Spooled);
    assert!(kept > 0 && report.lost() > 0, "{report}");
    assert_eq!(kept + report.lost(), 401, "{report}");

    // There is hardly room for a lock: it starts, or says why not and touches nothing.
    if let Err(error) = start() {
        assert!(matches!(error, BuildError::Spool(_)), "{error}");
    }
    disk.grow();
    sink.now(Manner::Accepts);
    let pipeline = start().expect("a pipeline");
    assert_eq!(pipeline.stats().lanes[0].recovered, kept);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert!((kept - 1..=kept).contains(&sink.spans()), "{report}");
}
