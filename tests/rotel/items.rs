//! Spans and log records one by one, each with its resource and scope, as the reference's decoder
//! reads them: the form in which what was sent and what was received are compared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message;
use spanreel::{Export, ExportError, Request, Signal};

use crate::collector::Seen;

/// An exporter that keeps what it is given.
///
/// Not `InMemory`: its records leave out what few ask for (the flags of links, schema URLs), and are
/// read by the code under test.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Seen>>);

impl Kept {
    pub(crate) fn items(&self) -> Items {
        Items::of(&self.0)
    }
}

impl Export for Kept {
    fn name(&self) -> &str {
        "kept"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let mut seen = self.0.lock().expect("no panic under it");
        match request.signal() {
            Signal::Traces => seen.traces.push(decode(&request)?),
            Signal::Logs => seen.logs.push(decode(&request)?),
            other => panic!("no test knows the signal {other:?}"),
        }
        Ok(())
    }
}

fn decode<M: Message + Default>(request: &Request) -> Result<M, ExportError> {
    M::decode(request.body()).map_err(ExportError::permanent)
}

/// Each span and each record alone in the groups in which it came.
#[derive(Default)]
pub(crate) struct Items {
    pub(crate) spans: Vec<ResourceSpans>,
    pub(crate) records: Vec<ResourceLogs>,
}

impl Items {
    pub(crate) fn of(seen: &Mutex<Seen>) -> Self {
        let seen = seen.lock().expect("no panic under it");
        let mut items = Self::default();
        for request in &seen.traces {
            items.add_spans(request);
        }
        for request in &seen.logs {
            items.add_records(request);
        }
        items
    }

    fn add_spans(&mut self, request: &ExportTraceServiceRequest) {
        for resource in &request.resource_spans {
            for scope in &resource.scope_spans {
                self.spans
                    .extend(scope.spans.iter().map(|span| ResourceSpans {
                        resource: resource.resource.clone(),
                        schema_url: resource.schema_url.clone(),
                        scope_spans: vec![ScopeSpans {
                            scope: scope.scope.clone(),
                            schema_url: scope.schema_url.clone(),
                            spans: vec![span.clone()],
                        }],
                    }));
            }
        }
    }

    fn add_records(&mut self, request: &ExportLogsServiceRequest) {
        for resource in &request.resource_logs {
            for scope in &resource.scope_logs {
                self.records
                    .extend(scope.log_records.iter().map(|record| ResourceLogs {
                        resource: resource.resource.clone(),
                        schema_url: resource.schema_url.clone(),
                        scope_logs: vec![ScopeLogs {
                            scope: scope.scope.clone(),
                            schema_url: scope.schema_url.clone(),
                            log_records: vec![record.clone()],
                        }],
                    }));
            }
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.spans.len() + self.records.len()
    }

    /// Asserts that these are the ones that were sent: each once, no other, and no field changed.
    pub(crate) fn assert_are(self, sent: Self) {
        assert_same(by_key(sent.spans, span_key), by_key(self.spans, span_key));
        assert_same(
            by_key(sent.records, record_key),
            by_key(self.records, record_key),
        );
    }
}

/// The trace id and the span id.
fn span_key(item: &ResourceSpans) -> (Vec<u8>, Vec<u8>) {
    let span = &item.scope_spans[0].spans[0];
    (span.trace_id.clone(), span.span_id.clone())
}

/// The session and the attribute that tells its records apart.
fn record_key(item: &ResourceLogs) -> (Vec<u8>, Vec<u8>) {
    let record = &item.scope_logs[0].log_records[0];
    let part = |key: &str| {
        let found = record.attributes.iter().find(|it| it.key == key);
        found
            .unwrap_or_else(|| panic!("no {key} in {record:?}"))
            .encode_to_vec()
    };
    (part("session.id"), part("number"))
}

/// Asserts that each is there once.
fn by_key<T: std::fmt::Debug>(
    items: Vec<T>,
    key: fn(&T) -> (Vec<u8>, Vec<u8>),
) -> HashMap<(Vec<u8>, Vec<u8>), T> {
    let mut found = HashMap::new();
    for item in items {
        if let Some(first) = found.insert(key(&item), item) {
            panic!("twice: {first:?}");
        }
    }
    found
}

/// Compares in wire form, in which NaN is equal to itself.
fn assert_same<T: Message + std::fmt::Debug>(
    sent: HashMap<(Vec<u8>, Vec<u8>), T>,
    mut received: HashMap<(Vec<u8>, Vec<u8>), T>,
) {
    for (key, sent) in sent {
        let received = received.remove(&key);
        let received = received.unwrap_or_else(|| panic!("not received: {sent:?}"));
        assert!(
            sent.encode_to_vec() == received.encode_to_vec(),
            "not as it was sent: {}",
            first_difference(&sent, &received)
        );
    }
    assert!(received.is_empty(), "never sent: {received:?}");
}

/// The lines from shortly before the first that differs.
fn first_difference(sent: &impl std::fmt::Debug, received: &impl std::fmt::Debug) -> String {
    let (sent, received) = (format!("{sent:#?}"), format!("{received:#?}"));
    let mut pairs = sent.lines().zip(received.lines());
    let same = pairs.position(|(sent, received)| sent != received);
    let part = |text: &str| {
        let lines = text.lines().skip(same.unwrap_or(0).saturating_sub(8));
        lines.take(20).collect::<Vec<_>>().join("\n")
    };
    format!("sent\n{}\nreceived\n{}", part(&sent), part(&received))
}
