//! Code of the host that panics, with a spool: row 17.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spanreel::{Export, ExportError, Fate, Flow, Item, Process, Request, SpoolMode};
use spanreel_faults::producer::{self, record};

use crate::ledger::assert_settled;
use crate::{GRACE, accept, spool, start, wait_until};

/// An exporter that panics about whatever holds the span of this number, and counts the others.
#[derive(Clone)]
struct Panics {
    about: u64,
    taken: Arc<Mutex<Vec<u64>>>,
    panics: Arc<AtomicU64>,
}

impl Export for Panics {
    fn name(&self) -> &str {
        "oracle"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let message = ExportTraceServiceRequest::decode(request.body()).expect("a request");
        let groups = message.resource_spans.iter();
        let spans = groups.flat_map(|group| group.scope_spans.iter().flat_map(|it| &it.spans));
        let ids: Vec<u64> = spans
            .map(|span| u64::from_be_bytes(span.span_id[..].try_into().expect("an id")))
            .collect();
        if ids.contains(&self.about) {
            self.panics.fetch_add(1, Ordering::Relaxed);
            // As a panic, without its message on the screen.
            resume_unwind(Box::new("told to"));
        }
        self.taken.lock().expect("no panic under it").extend(ids);
        Ok(())
    }
}

/// An exporter that panics is asked once more; then what it panics about is in quarantine, and everything
/// before and behind it is delivered once.
#[test]
fn an_exporter_that_panics_costs_that_request_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let exporter = Panics {
        about: 50,
        taken: Arc::default(),
        panics: Arc::default(),
    };
    let pipeline = start(directory.path(), exporter.clone());
    // One by one: what panics is in a request of its own.
    for number in 1..=100 {
        assert_eq!(accept(&pipeline, number..number + 1).len(), 1);
        let all = number - u64::from(number >= 50);
        wait_until("it is settled", || {
            exporter.taken.lock().expect("no panic under it").len() as u64 == all
                && pipeline.stats().lanes[0].on_disk == 0
        });
    }
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    let lane = &report.lanes[0].traces;
    let fates = (lane.of(Fate::Quarantined), lane.of(Fate::Exported));
    assert_eq!(fates, (1, 99), "{report}");
    assert_eq!(exporter.panics.load(Ordering::Relaxed), 2);
}

struct PanicsAbout(&'static str);

impl Process for PanicsAbout {
    fn process(&mut self, item: &mut Item<'_>) -> Flow {
        if item.name() == self.0 {
            resume_unwind(Box::new("told to"));
        }
        Flow::Pass
    }
}

/// A processor that panics costs the item that it panics about, which reaches neither disk nor backend; it is
/// named in the report.
#[test]
fn a_processor_that_panics_costs_that_item_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let exporter = Panics {
        about: 0,
        taken: Arc::default(),
        panics: Arc::default(),
    };
    let pipeline = producer::prompt()
        .spool_with(spool(directory.path()).mode(SpoolMode::Always))
        .process(PanicsAbout("secret"))
        .export(exporter.clone())
        .start()
        .expect("a pipeline");
    let session = pipeline.session("conv-1").expect("open");
    for number in 1..=50 {
        record(&session, number);
        session.child("secret").start().end();
    }
    session.end();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert_eq!(report.traces.fates.of(Fate::Abandoned), 50, "{report}");
    assert_eq!(report.lost(), 50, "{report}");
    assert_eq!(report.lanes[0].traces.of(Fate::Exported), 51, "{report}");
    assert_eq!(exporter.taken.lock().expect("no panic under it").len(), 51);
}
