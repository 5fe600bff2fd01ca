//! What nobody sends in earnest costs no more than it weighs, and harms no session but its own.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message as _;
use spanreel::{Request, Signal};
use spanreel_store::{SessionQuery, Store, StoreError};

use super::telemetry::{span, text};
use super::{T, patience, with_each, write};

/// A request of one resource with an attribute of so many bytes, and these scopes.
fn of_resource(bytes: usize, scopes: Vec<ScopeSpans>) -> Request {
    let items = scopes.iter().map(|scope| scope.spans.len() as u64).sum();
    let resource = Resource {
        attributes: vec![text("padding", &"x".repeat(bytes))],
        ..Resource::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: scopes,
            ..ResourceSpans::default()
        }],
    };
    Request::from_bytes(Signal::Traces, items, request.encode_to_vec().into())
}

/// A scope of its own with one span of a trace of its own.
fn scope(number: u64) -> ScopeSpans {
    ScopeSpans {
        scope: Some(InstrumentationScope {
            name: format!("scope-{number}"),
            ..InstrumentationScope::default()
        }),
        spans: vec![span(u128::from(number) + 1, 1, 0, "step", T, T + 1)],
        ..ScopeSpans::default()
    }
}

fn count(store: &dyn Store) -> u64 {
    let page = store.sessions(&SessionQuery::default(), &patience());
    page.expect("an answer").total.expect("few")
}

/// Empty scopes of a large resource take nothing; scopes that would repeat it for far more bytes than the request
/// has are refused, with nothing left behind.
#[test]
fn a_large_resource_is_not_multiplied_by_its_scopes() {
    with_each(|store| {
        let mut scopes = vec![ScopeSpans::default(); 100_000];
        scopes.push(scope(0));
        write(&*store, &[of_resource(256 << 10, scopes)]);
        assert_eq!(count(&*store), 1);
        let many = of_resource(256 << 10, (0..80).map(scope).collect());
        let refused = store.write(&[many]);
        assert!(matches!(refused, Err(StoreError::Repeated { .. })));
        assert_eq!(count(&*store), 1);
        let few = of_resource(256 << 10, (0..20).map(scope).collect());
        write(&*store, &[few]);
        assert_eq!(count(&*store), 20);
    });
}
