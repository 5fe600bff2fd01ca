//! What the writer remembers is weighed as it is.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use spanreel::{Request, Signal};

use crate::query::{Patience, SessionQuery};
use crate::sqlite::{Retention, SqliteStore};
use crate::store::Store as _;

/// A request of one span of a session, which names it where it is to.
fn request(session: u64, id: u64, is_named: bool) -> Request {
    let named = KeyValue {
        key: "session.id".to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(format!("conv-{session}"))),
        }),
        ..KeyValue::default()
    };
    let span = Span {
        trace_id: u128::from(session + 1).to_be_bytes().to_vec(),
        span_id: (id + 1).to_be_bytes().to_vec(),
        name: format!("step {id}"),
        attributes: Some(named).filter(|_| is_named).into_iter().collect(),
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    Request::from_bytes(Signal::Traces, 1, request.encode_to_vec().into())
}

/// What is remembered is counted as what it is, for sessions that are new, go on, are read again and become part
/// of others: so what is forgotten by weight is as much as has to be.
#[test]
fn what_is_remembered_is_weighed_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let retention = Retention {
        max_age: Duration::from_secs(60),
        ..Retention::default()
    };
    let store = SqliteStore::open(directory.path(), retention).expect("a store");
    let is_weighed = |least: usize| {
        let writer = store.writer().expect("it writes");
        let sessions = writer.memory.sessions.iter();
        let weights: usize = sessions.map(|(_, open)| open.weight()).sum();
        assert_eq!(writer.memory.weight, weights);
        assert!(writer.memory.sessions.len() >= least);
    };
    let write = |session, id, is_named| {
        store
            .write(&[request(session, id, is_named)])
            .expect("it can be written");
    };
    for session in 0..20 {
        write(session, 0, session % 2 == 0);
    }
    is_weighed(20);
    for session in 0..20 {
        write(session, 1, true);
    }
    is_weighed(20);
    // Forgotten, and read again.
    while let Some((_, open)) = {
        let mut writer = store.writer().expect("it writes");
        writer.memory.sessions.pop_lru()
    } {
        let mut writer = store.writer().expect("it writes");
        writer.memory.weight -= open.weight();
    }
    for session in 0..20 {
        write(session, 2, true);
    }
    is_weighed(20);
}

/// A write that panics leaves nothing behind, in the file and in memory: what it had can be written again.
#[test]
fn a_write_that_panics_leaves_nothing_behind() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path(), Retention::default()).expect("a store");
    let all = [request(1, 1, true), request(1, 2, true)];
    store.write(&all).expect("it can be written");
    // As a panic leaves it: nothing in the file, everything in memory, and whoever had the writer gone.
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    file.execute_batch(
        "DELETE FROM sessions; DELETE FROM tales; DELETE FROM blocks; DELETE FROM traces; DELETE FROM origins;
         DELETE FROM session_origins;",
    )
    .expect("it can be rolled back");
    let panicked = std::thread::scope(|scope| {
        let write = scope.spawn(|| {
            let _writer = store.writer().expect("it writes");
            panic!("in the middle of a write");
        });
        write.join().is_err()
    });
    assert!(panicked);
    let written = store.write(&all).expect("it can be written");
    assert_eq!(written.items, 2);
    let patience = Patience::of(Duration::from_secs(30));
    let page = store.sessions(&SessionQuery::default(), &patience);
    assert_eq!(page.expect("an answer").items[0].spans, 2);
    let document = store.document("conv-1", &patience).expect("an answer");
    assert_eq!(document.expect("it is there").spans.len(), 2);
}
