//! Answers of backends: rows 5 to 9 and 20.

use std::fs;
use std::path::Path;
use std::time::Duration;

use spanreel::{BatchConfig, Fate, Otlp, Pipeline, ShutdownReport};
use spanreel_faults::producer::{self, HEAVY, record};
use spanreel_faults::{Manner, Sink};

use crate::ledger::assert_settled;
use crate::{GRACE, PROTOCOLS, ToBackend, accept, deliver_all, spool, start, wait_until};

/// What becomes of what is answered in some way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Becomes {
    /// It is tried again, and arrives when the answer is another.
    Delivered,
    /// It is kept with the words of the backend and never sent again.
    Quarantined,
    /// It waits on disk until the credentials are right.
    Paused,
}

/// The files in quarantine.
fn quarantined(directory: &Path) -> usize {
    let entries = fs::read_dir(directory.join("quarantine")).expect("it is there");
    let is_request = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".otlp");
    entries
        .filter(|entry| is_request(&entry.as_ref().expect("an entry").file_name()))
        .count()
}

/// Sends ten spans to a backend that gives this answer, and checks what becomes of them.
fn assert_becomes(exporter: ToBackend, manner: &Manner, expected: Becomes) {
    let directory = tempfile::tempdir().expect("a directory");
    let sink = Sink::start(manner.clone());
    let pipeline = start(directory.path(), exporter(sink.url()).name("oracle"));
    let acknowledged = accept(&pipeline, 1..11);
    assert_eq!(acknowledged.len(), 10);
    wait_until("it is asked", || sink.attempts() > 0);
    let settled = |pipeline: &Pipeline| pipeline.stats().lanes[0].on_disk == 0;
    match expected {
        Becomes::Delivered => {
            sink.now(Manner::Accepts);
            wait_until("it is settled", || settled(&pipeline));
        }
        Becomes::Quarantined => wait_until("it is settled", || settled(&pipeline)),
        Becomes::Paused => {
            let asked = sink.attempts();
            std::thread::sleep(Duration::from_millis(300));
            assert!(
                sink.attempts() <= asked + 1,
                "{manner:?}: it is not run over"
            );
        }
    }
    let report = pipeline.shutdown_blocking(Duration::from_secs(3));
    assert_settled(&report);
    assert!(report.is_lossless(), "{manner:?} {report}");
    let lane = &report.lanes[0].traces;
    let fate = match expected {
        Becomes::Delivered => Fate::Exported,
        Becomes::Quarantined => Fate::Quarantined,
        Becomes::Paused => Fate::Spooled,
    };
    assert_eq!(lane.of(fate), 10, "{manner:?} {report}");
    sink.now(Manner::Accepts);
    match expected {
        Becomes::Quarantined => {
            assert!(quarantined(directory.path()) > 0, "{manner:?}");
            assert_eq!(deliver_all(directory.path(), &sink), 0, "{manner:?}");
            assert_eq!(sink.spans(), 0, "{manner:?}");
        }
        Becomes::Delivered | Becomes::Paused => {
            deliver_all(directory.path(), &sink);
            sink.judge(&acknowledged).assert_whole();
            assert_eq!(quarantined(directory.path()), 0, "{manner:?}");
        }
    }
}

/// Every status of HTTP has the consequence that OTLP says: four are tried again, wrong credentials wait, and
/// what is refused for good is kept.
#[test]
fn each_status_has_its_consequence() {
    use Becomes::{Delivered, Paused, Quarantined};
    let table = [
        (400, Quarantined),
        (401, Paused),
        (403, Paused),
        (404, Quarantined),
        (405, Quarantined),
        (408, Quarantined),
        (413, Quarantined),
        (415, Quarantined),
        (429, Delivered),
        (500, Quarantined),
        (501, Quarantined),
        (502, Delivered),
        (503, Delivered),
        (504, Delivered),
    ];
    for (status, becomes) in table {
        assert_becomes(Otlp::http, &Manner::Status(status, None), becomes);
    }
}

/// Every code of gRPC has the consequence that OTLP says; `RESOURCE_EXHAUSTED` is tried again with a
/// `RetryInfo` alone.
#[test]
fn each_code_has_its_consequence() {
    use Becomes::{Delivered, Paused, Quarantined};
    let soon = Some(Duration::from_millis(50));
    let table = [
        (1, None, Delivered),
        (2, None, Quarantined),
        (3, None, Quarantined),
        (4, None, Delivered),
        (5, None, Quarantined),
        (6, None, Quarantined),
        (7, None, Paused),
        (8, None, Quarantined),
        (8, soon, Delivered),
        (9, None, Quarantined),
        (10, None, Delivered),
        (11, None, Delivered),
        (12, None, Quarantined),
        (13, None, Quarantined),
        (14, None, Delivered),
        (14, soon, Delivered),
        (15, None, Delivered),
        (16, None, Paused),
    ];
    for (code, wait, becomes) in table {
        assert_becomes(Otlp::grpc, &Manner::Code(code, wait), becomes);
    }
}

/// Whatever `Retry-After` says, nothing is lost: a time is kept to, ten years or nonsense hold up nobody who
/// shuts down.
#[test]
fn any_retry_after_is_survived() {
    let values = [
        "1",
        "0",
        "-5",
        "soon",
        "",
        "315360000",
        "99999999999999999999999",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thu, 01 Jan 2099 00:00:00 GMT",
    ];
    for value in values {
        let directory = tempfile::tempdir().expect("a directory");
        let sink = Sink::start(Manner::Status(503, Some(value)));
        let pipeline = start(directory.path(), Otlp::http(sink.url()).name("oracle"));
        let acknowledged = accept(&pipeline, 1..11);
        wait_until("it is asked", || sink.attempts() > 0);
        let asked = sink.attempts();
        std::thread::sleep(Duration::from_millis(300));
        let more = sink.attempts() - asked;
        assert!(more <= 6, "{value:?}: {more} attempts in 300 ms");
        let report = pipeline.shutdown_blocking(Duration::from_secs(2));
        assert!(
            report.took < Duration::from_millis(2200),
            "{value:?} {report}"
        );
        assert_settled(&report);
        assert!(report.is_lossless(), "{value:?} {report}");
        assert_eq!(
            report.lanes[0].traces.of(Fate::Spooled),
            10,
            "{value:?} {report}"
        );
        sink.now(Manner::Accepts);
        assert_eq!(deliver_all(directory.path(), &sink), 10, "{value:?}");
        sink.judge(&acknowledged).assert_whole();
    }
}

/// A partial success is never tried again, and what it says is believed as far as it can be: none, some, all;
/// less than none and more than all count as none and all.
#[test]
fn a_partial_success_is_believed_as_far_as_it_can_be() {
    let table = [
        (0, 0),
        (3, 3),
        (10, 10),
        (-4, 0),
        (i64::MIN, 0),
        (11, 10),
        (i64::MAX, 10),
    ];
    for (_, exporter) in PROTOCOLS {
        for (said, rejected) in table {
            let directory = tempfile::tempdir().expect("a directory");
            let sink = Sink::start(Manner::Partial(said, "told to"));
            let batch = BatchConfig {
                schedule_delay: Duration::from_millis(300),
                ..BatchConfig::default()
            };
            let pipeline = producer::prompt()
                .batch(batch)
                .spool_with(spool(directory.path()))
                .export(exporter(sink.url()))
                .start()
                .expect("a pipeline");
            let intake = pipeline.intake();
            let request = producer::request_bytes(1..11);
            let accepted = intake.accept(spanreel::Signal::Traces, request);
            let receipt = futures::executor::block_on(accepted).expect("accepted");
            let delivered = futures::executor::block_on(receipt.delivered());
            assert_eq!(delivered.of(Fate::Rejected), rejected, "{said}");
            let report = pipeline.shutdown_blocking(GRACE);
            assert_settled(&report);
            let lane = &report.lanes[0].traces;
            let fates = (lane.of(Fate::Rejected), lane.of(Fate::Exported));
            assert_eq!(fates, (rejected, 10 - rejected), "{said} {report}");
            assert_eq!(sink.attempts(), 1, "{said}");
        }
    }
}

/// Whatever a yes looks like, it is a yes: nothing is sent twice, and no answer is read for ever.
#[test]
fn an_odd_yes_is_a_yes() {
    for manner in [Manner::Html, Manner::Endless] {
        let directory = tempfile::tempdir().expect("a directory");
        let sink = Sink::start(manner.clone());
        let exporter = Otlp::http(sink.url()).timeout(Duration::from_secs(1));
        let pipeline = start(directory.path(), exporter);
        let acknowledged = accept(&pipeline, 1..11);
        wait_until("it is settled", || pipeline.stats().lanes[0].on_disk == 0);
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert!(report.is_lossless(), "{manner:?} {report}");
        assert_eq!(
            report.lanes[0].traces.of(Fate::Exported),
            10,
            "{manner:?} {report}"
        );
        let verdict = sink.judge(&acknowledged);
        verdict.assert_whole();
        assert_eq!(verdict.twice, 0, "{manner:?} {verdict}");
    }
}

fn send_heavy(manner: Manner, exporter: ToBackend) -> (Sink, ShutdownReport) {
    let directory = tempfile::tempdir().expect("a directory");
    let sink = Sink::start(manner);
    let batch = BatchConfig {
        schedule_delay: Duration::from_millis(200),
        ..BatchConfig::default()
    };
    let pipeline = producer::prompt()
        .batch(batch)
        .spool_with(spool(directory.path()))
        .export(exporter(sink.url()))
        .start()
        .expect("a pipeline");
    let session = pipeline.session("conv-1").expect("open");
    (1..=100).for_each(|number| record(&session, HEAVY + number));
    session.end();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    (sink, report)
}

/// A backend that takes small requests alone gets everything in small requests; what is alone too large for
/// it is kept.
#[test]
fn what_is_too_large_is_cut() {
    for (protocol, exporter) in PROTOCOLS {
        let (sink, report) = send_heavy(Manner::Limits(64 << 10), exporter);
        assert_eq!(
            report.lanes[0].traces.of(Fate::Exported),
            101,
            "{protocol} {report}"
        );
        let verdict = sink.judge(&(HEAVY + 1..=HEAVY + 100).collect());
        verdict.assert_whole();
        assert_eq!(verdict.twice, 0, "{protocol} {verdict}");

        let (sink, report) = send_heavy(Manner::Limits(4 << 10), exporter);
        let lane = &report.lanes[0].traces;
        let fates = (lane.of(Fate::Quarantined), lane.of(Fate::Exported));
        assert_eq!(fates, (100, 1), "{protocol} {report}");
        assert_eq!(sink.spans(), 0);
    }
}

/// One span that is refused for good costs none of its neighbours.
#[test]
fn one_bad_span_costs_itself_alone() {
    for (protocol, exporter) in PROTOCOLS {
        let (sink, report) = send_heavy(Manner::RefusesSpan(HEAVY + 50), exporter);
        let lane = &report.lanes[0].traces;
        let fates = (lane.of(Fate::Quarantined), lane.of(Fate::Exported));
        assert_eq!(fates, (1, 100), "{protocol} {report}");
        let others = (HEAVY + 1..=HEAVY + 100).filter(|number| *number != HEAVY + 50);
        let verdict = sink.judge(&others.collect());
        verdict.assert_whole();
        assert_eq!(
            (verdict.twice, verdict.unasked),
            (0, 0),
            "{protocol} {verdict}"
        );
    }
}
