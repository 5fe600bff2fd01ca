//! What waits on disk is delivered: when the backend is back, or by the next start.

use std::time::{Duration, Instant};

use spanreel::{Fate, SpoolMode};

use crate::backend::{Backend, Manner};
use crate::ledger::{assert_adds_up, assert_settled};
use crate::{prompt, spool, wait_until, work};

const GRACE: Duration = Duration::from_secs(10);

/// With the backend away for the whole run, the shutdown ends within its grace with everything on disk, and
/// the next start delivers all of it, once.
#[test]
fn the_next_start_delivers_what_is_on_disk() {
    for mode in [SpoolMode::Overflow, SpoolMode::Always] {
        for manner in [Manner::Away, Manner::Hangs, Manner::Denies] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("spool");
            let backend = Backend::new(manner);
            let start = || {
                let spool = spool(&path).mode(mode);
                let pipeline = prompt().spool_with(spool).export(backend.clone()).start();
                pipeline.expect("a pipeline")
            };
            let pipeline = start();
            let session = pipeline.session("conv-1").expect("open");
            for _ in 0..20 {
                work(&session, 100);
                std::thread::sleep(Duration::from_millis(2));
            }
            let begun = Instant::now();
            let report = pipeline.shutdown_blocking(Duration::from_secs(2));
            let took = begun.elapsed();
            assert!(
                took < Duration::from_secs(4),
                "{mode:?} {manner:?} {took:?}"
            );
            assert_settled(&report);
            assert!(report.is_lossless(), "{mode:?} {manner:?} {report}");
            let lane = &report.lanes[0].traces;
            assert_eq!(lane.of(Fate::Spooled), 2001, "{mode:?} {manner:?} {report}");
            assert!(report.spooled.as_u64() > 2001 * 50, "{report}");

            backend.now(Manner::Accepts);
            let pipeline = start();
            assert_eq!(pipeline.stats().lanes[0].recovered, 2001);
            wait_until("all is delivered", || backend.spans() == 2001);
            let report = pipeline.shutdown_blocking(GRACE);
            assert_settled(&report);
            assert!(report.is_lossless(), "{report}");
            assert_eq!(report.lanes[0].traces.of(Fate::Exported), 2001, "{report}");
            assert_eq!(report.spooled.as_u64(), 0, "{report}");
            assert_eq!(backend.duplicates(), 0, "{mode:?} {manner:?}");

            let report = start().shutdown_blocking(GRACE);
            assert_eq!(report.lanes[0].recovered, 0, "{report}");
        }
    }
}

/// A backend that is away for a while gets everything when it is back, and nothing twice.
#[test]
fn a_backend_that_comes_back_gets_everything() {
    for mode in [SpoolMode::Overflow, SpoolMode::Always] {
        let directory = tempfile::tempdir().expect("a directory");
        let backend = Backend::new(Manner::Accepts);
        let spool = spool(directory.path()).mode(mode);
        let pipeline = prompt().spool_with(spool).export(backend.clone()).start();
        let pipeline = pipeline.expect("a pipeline");
        let session = pipeline.session("conv-1").expect("open");
        for round in 0..60 {
            match round {
                20 => backend.now(Manner::Away),
                40 => backend.now(Manner::Accepts),
                _ => {}
            }
            work(&session, 50);
            std::thread::sleep(Duration::from_millis(5));
        }
        wait_until("all is delivered", || backend.spans() == 3000);
        assert_adds_up(&pipeline.stats());
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert_eq!(report.lanes[0].traces.of(Fate::Exported), 3001, "{report}");
        assert_eq!(backend.spans(), 3001);
        assert_eq!(backend.duplicates(), 0);
    }
}
