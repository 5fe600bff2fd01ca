//! Requests as a collector reads them.

use std::collections::HashMap;
use std::io::Read as _;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::*;
use crate::load::against::args::tests::plan;

fn requests(line: &str) -> Requests {
    Requests::encode(&plan(line).expect("a plan"))
}

/// The spans of a request, unpacked.
fn spans(body: &[u8]) -> Vec<Span> {
    let mut plain = Vec::new();
    match body[0] {
        0 => plain.extend_from_slice(&body[5..]),
        _ => drop(
            flate2::read::GzDecoder::new(&body[5..])
                .read_to_end(&mut plain)
                .expect("gzip"),
        ),
    }
    assert_eq!(
        &body[1..5],
        u32::try_from(body.len() - 5).unwrap().to_be_bytes()
    );
    let request = ExportTraceServiceRequest::decode(&plain[..]).expect("protobuf");
    let [resource] = &request.resource_spans[..] else {
        panic!("one resource: {request:?}");
    };
    resource.scope_spans[0].spans.clone()
}

fn session(span: &Span) -> String {
    let attribute = span.attributes.iter().find(|it| it.key == "session.id");
    let value = attribute.and_then(|it| it.value.clone()?.value);
    match value {
        Some(Value::StringValue(id)) => id,
        other => panic!("{other:?} in {span:?}"),
    }
}

/// Requests are OTLP, of as many spans as was asked for, about as large as those of the other load tests,
/// and the same with gzip.
#[test]
fn requests_are_otlp_of_realistic_spans() {
    let plain = requests("--against serve --batch 100 --sessions 10");
    let packed = requests("--against serve --batch 100 --sessions 10 --compression gzip");
    assert!(
        (443..=580).contains(&plain.span_bytes),
        "{}",
        plain.span_bytes
    );
    let kinds = |spans: &[Span]| {
        let mut kinds: HashMap<String, usize> = HashMap::new();
        for span in spans {
            assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
            assert_ne!(span.parent_span_id, span.span_id);
            let kind = span.name.split(' ').next().unwrap_or_default();
            *kinds.entry(kind.to_owned()).or_default() += 1;
        }
        kinds
    };
    for number in [0, 1, 63] {
        let spans_of_it = spans(&plain.body(number));
        assert_eq!(spans_of_it.len(), 100);
        assert_eq!(spans_of_it, spans(&packed.body(number)));
        let kinds = kinds(&spans_of_it);
        assert!(
            kinds["chat"] > 20 && kinds["execute_tool"] > 40,
            "{kinds:?}"
        );
    }
}

/// Sessions take turns, all of them come, and each has the spans that it is to have in a round.
#[test]
fn every_session_has_its_turns() {
    let options =
        "--against serve --batch 60 --sessions 96 --concurrency 32 --spans-per-session 40";
    let requests = requests(options);
    let mut of: HashMap<String, usize> = HashMap::new();
    for number in 0..64 {
        let spans = spans(&requests.body(number));
        assert!(
            spans
                .windows(2)
                .all(|pair| session(&pair[0]) != session(&pair[1]))
        );
        for span in &spans {
            *of.entry(session(span)).or_default() += 1;
        }
    }
    assert_eq!(of.len(), 96);
    assert!(of.values().all(|spans| *spans == 40), "{of:?}");
    assert_eq!(requests.body(64), requests.body(0), "they begin anew");
}
