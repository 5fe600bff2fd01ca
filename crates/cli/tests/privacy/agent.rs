//! An agent without any redaction of its own, with a secret wherever there can be text.

use spanreel::{
    BaggagePolicy, Content, Exporter, Limits, Pipeline, Resource, Sampling, SessionConfig,
    SessionEvents,
};

use crate::planter::Planter;
use crate::server::LONG;
use crate::spoken;

/// Records so many sessions and exports them.
pub(crate) async fn speak(exporter: Exporter, planter: &mut Planter, sessions: usize) {
    let resource = Resource::empty()
        .service(planter.said())
        .attribute("process.command_args", &*planter.json());
    let pipeline = Pipeline::builder()
        .resource(resource)
        .scope(planter.said(), "1")
        .sampling(Sampling::always_on())
        .limits(Limits::default())
        .content(Content::Both)
        .sessions(SessionConfig {
            events: SessionEvents {
                session: true,
                span_start: true,
            },
            ..SessionConfig::default()
        })
        .baggage(BaggagePolicy::new().send_all_members().to_host("*"))
        .export(exporter)
        .start()
        .expect("a right configuration");
    for _ in 0..sessions {
        spoken::speak(&pipeline, planter, drop);
    }
    let report = pipeline.shutdown(LONG).await;
    assert!(report.is_lossless(), "{report}");
}
