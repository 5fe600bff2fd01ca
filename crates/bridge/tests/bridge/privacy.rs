//! What the host's log says is redacted like everything else.

use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{Pipeline, Redaction};
use spanreel_bridge::{CaptureLogs, SessionLayer};
use tracing::{Instrument, info, info_span};
use tracing_subscriber::layer::SubscriberExt;

use crate::planter::Planter;

/// No secret in an event or a span of `tracing` is exported, in its message, its fields or its names.
#[test]
fn no_secret_of_the_hosts_log_is_exported() {
    let mut planter = Planter::new(0xb41d9e);
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .export(memory.clone())
        .redact(Redaction::standard())
        .start()
        .expect("it is valid");
    let session = pipeline.session("conv-1").expect("it is open");
    let subscriber = tracing_subscriber::registry().with(SessionLayer::new());
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..200 {
            let (message, field, json) = (planter.said(), planter.said(), planter.json());
            let (secret, name) = (planter.secret(), planter.said());
            let work = async {
                info!(field, ?json, password = secret, "{message}");
            };
            let span = info_span!("work", name, json = %json);
            futures::executor::block_on(session.capture_logs(work.instrument(span)));
        }
    });
    session.end();
    let report = pipeline.shutdown_blocking(Duration::from_secs(20));
    assert!(report.is_lossless(), "{report}");
    assert_eq!(memory.logs().len(), 200);
    let exported = format!("{:?}{:?}", memory.spans(), memory.logs());
    assert!(exported.contains("they say") && exported.contains("[email]"));
    planter.assert_none_in("what is exported", exported.as_bytes());
}
