//! The bytes are right: what is exported, decoded with the reference decoder, is what was recorded.

mod cut;
mod framing;
mod logs;
mod random;
mod remote;
mod requests;
mod spans;

use spanreel::{BatchConfig, Limits, Pipeline, Resource, ShutdownReport};

use crate::rig::PATIENCE;
use crate::support::ledger;

use requests::Requests;

/// A pipeline that keeps the requests that it exports.
fn start(limits: &Limits, batch: &BatchConfig) -> (Pipeline, Requests) {
    let requests = Requests::default();
    let pipeline = Pipeline::builder()
        .resource(Resource::empty().service("wire"))
        .limits(limits.clone())
        .batch(batch.clone())
        .log_batch(batch.clone())
        .export(requests.clone())
        .start()
        .expect("a right configuration");
    (pipeline, requests)
}

#[track_caller]
fn stop(pipeline: &Pipeline) -> ShutdownReport {
    let report = pipeline.shutdown_blocking(PATIENCE);
    ledger::assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    report
}

/// Limits that cut something of nearly every span.
fn tight() -> Limits {
    Limits {
        attribute_value_length: Some(7),
        attribute_count: 4,
        event_count: 2,
        link_count: 2,
        event_attribute_count: 3,
        link_attribute_count: 2,
        log_attribute_value_length: Some(5),
        log_attribute_count: 3,
        value_hard_limit: 20,
        name_length: 9,
        ..Limits::default()
    }
}
