//! Whole pipelines against real receivers: what is sent is what is received.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use spanreel::{Exporter, Otlp, Pipeline, SpanId};
use tokio::runtime::Runtime;

use crate::prompt;
use crate::receiver::Receiver;
use crate::support::ledger::assert_settled;

async fn receiver(address: SocketAddr, grpc: bool) -> Receiver {
    match grpc {
        true => Receiver::grpc(address).await,
        false => Receiver::http(address).await,
    }
}

/// A backend that comes late gets everything, by each protocol.
#[test]
fn a_backend_that_comes_late_gets_everything() {
    let runtime = Runtime::new().expect("a runtime");
    for grpc in [true, false] {
        let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = held.local_addr().expect("an address");
        drop(held);
        let url = format!("http://{address}");
        let exporter = if grpc {
            Otlp::grpc(url)
        } else {
            Otlp::http(url)
        };
        let pipeline = prompt().export(exporter).start().expect("a pipeline");
        let session = pipeline.session("early").expect("open");
        for _ in 0..100 {
            session.child("work").start().end();
        }
        while pipeline.stats().lanes[0].retries == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let receiver = runtime.block_on(receiver(address, grpc));
        session.end();
        let report = pipeline.shutdown_blocking(Duration::from_secs(20));
        assert_settled(&report);
        assert!(report.is_lossless(), "{report}");
        assert_eq!(receiver.spans().len(), 101);
    }
}

/// Every span that was sent is received as it was sent, once: over gRPC and HTTP, from many threads,
/// in many requests.
#[test]
fn every_span_is_received_once() {
    let runtime = Runtime::new().expect("a runtime");
    for grpc in [true, false] {
        let address = "127.0.0.1:0".parse().expect("an address");
        let receiver = runtime.block_on(receiver(address, grpc));
        let url = receiver.url();
        let exporter: Exporter = match grpc {
            true => Otlp::grpc(url).gzip().into(),
            false => Otlp::http(url).zstd().into(),
        };
        let pipeline = prompt().export(exporter).start().expect("a pipeline");
        let sent: Vec<_> = std::thread::scope(|scope| {
            let producers: Vec<_> = (0..4_u64)
                .map(|thread| {
                    let pipeline = &pipeline;
                    scope.spawn(move || produce(pipeline, thread))
                })
                .collect();
            let joined = producers.into_iter().map(|it| it.join().expect("no panic"));
            joined.flatten().collect()
        });
        let report = pipeline.shutdown_blocking(Duration::from_secs(20));
        assert_settled(&report);
        assert!(report.is_lossless(), "{report}");

        let received = receiver.spans();
        assert_eq!(
            received.len(),
            sent.len() + 4,
            "and a root for each session"
        );
        let mut by_id: HashMap<_, _> = received
            .iter()
            .map(|span| (span.span_id.clone(), span))
            .collect();
        assert_eq!(by_id.len(), received.len(), "each once");
        for sent in &sent {
            let received = by_id.remove(&sent.id).expect("it arrived");
            assert_eq!(received.trace_id, sent.trace);
            assert_eq!(received.parent_span_id, sent.parent);
            assert_eq!(received.name, sent.name);
            assert!(received.end_time_unix_nano >= received.start_time_unix_nano);
            let number = received.attributes.iter().find(|it| it.key == "number");
            let number = number.and_then(|it| it.value.clone()?.value);
            assert_eq!(number, Some(Value::IntValue(sent.number)));
        }
        assert!(by_id.values().all(|root| root.name == "session"));
        assert_eq!(receiver.records(), 4 * 100);
    }
}

/// What was sent of a span.
struct Sent {
    id: Vec<u8>,
    trace: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    number: i64,
}

impl Sent {
    fn of(span: &spanreel::Span, parent: SpanId, name: &str, number: i64) -> Self {
        Self {
            id: span.id().to_bytes().to_vec(),
            trace: span.context().trace_id().to_bytes().to_vec(),
            parent: parent.to_bytes().to_vec(),
            name: name.to_owned(),
            number,
        }
    }
}

/// Sends 1,000 spans and 100 records in a session.
fn produce(pipeline: &Pipeline, thread: u64) -> Vec<Sent> {
    let session = pipeline.session(&format!("thread {thread}"));
    let session = session.expect("open");
    let root = session.context().span_id();
    let mut sent = Vec::new();
    for turn in 0..500 {
        let name = format!("turn {turn}");
        let mut outer = session.child(&name).start();
        outer.set("number", turn);
        sent.push(Sent::of(&outer, root, &name, turn));
        let mut inner = outer.child("inner").start();
        inner.set("number", -turn);
        sent.push(Sent::of(&inner, outer.id(), "inner", -turn));
        if turn % 5 == 0 {
            inner.log("a record").emit();
        }
    }
    session.end();
    sent
}
