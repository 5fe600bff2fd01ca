//! What becomes of the parts of a span; what is sent to a server is tested in `server`.

mod server;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use serde_json::{Value, json};

use super::*;

fn any(value: Proto) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn text(text: &str) -> Proto {
    Proto::StringValue(text.to_owned())
}

fn attribute(key: &str, value: Proto) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(any(value)),
        key_strindex: 0,
    }
}

fn request(resource: Vec<KeyValue>, spans: Vec<Span>) -> Request {
    let items = spans.len() as u64;
    let scope_spans = vec![ScopeSpans {
        scope: Some(InstrumentationScope {
            name: "spanreel".to_owned(),
            version: "1.2".to_owned(),
            ..InstrumentationScope::default()
        }),
        spans,
        schema_url: String::new(),
    }];
    let group = ResourceSpans {
        resource: Some(Resource {
            attributes: resource,
            ..Resource::default()
        }),
        scope_spans,
        schema_url: String::new(),
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![group],
    };
    let bytes = Bytes::from(request.encode_to_vec());
    Request::new(Signal::Traces, items, bytes.into())
}

fn plain_span() -> Span {
    Span {
        trace_id: vec![0xab; 16],
        span_id: vec![1; 8],
        name: "plain".to_owned(),
        start_time_unix_nano: 1_700_000_000_000_001_999,
        end_time_unix_nano: 1_700_000_000_000_002_100,
        ..Span::default()
    }
}

fn mapped(request: &Request) -> Value {
    let bytes = request.to_bytes();
    let view = RequestView::new(Signal::Traces, &bytes).expect("valid");
    serde_json::from_slice(&to_zipkin(view).0).expect("JSON")
}

/// Every part of a span goes where the transformation says.
#[test]
fn a_span_is_mapped_as_the_transformation_says() {
    let list = Proto::ArrayValue(ArrayValue {
        values: vec![
            any(Proto::IntValue(1)),
            any(text("two")),
            AnyValue::default(),
        ],
    });
    let map = Proto::KvlistValue(KeyValueList {
        values: vec![attribute("inner", Proto::BoolValue(true))],
    });
    let span = Span {
        parent_span_id: vec![2; 8],
        name: "chat claude".to_owned(),
        kind: 3,
        start_time_unix_nano: 1_700_000_000_123_456_789,
        end_time_unix_nano: 1_700_000_000_123_458_023,
        attributes: vec![
            attribute("text", text("plain")),
            attribute("truth", Proto::BoolValue(false)),
            attribute("int", Proto::IntValue(i64::MAX)),
            attribute("double", Proto::DoubleValue(0.25)),
            attribute("nan", Proto::DoubleValue(f64::NAN)),
            attribute("bytes", Proto::BytesValue(vec![0xfb, 0xff])),
            attribute("list", list),
            attribute("map", map),
            attribute("error", Proto::BoolValue(false)),
            attribute("shared", text("of the span")),
            attribute("network.peer.address", text("10.0.0.7")),
            attribute("network.peer.port", Proto::IntValue(443)),
        ],
        dropped_attributes_count: 3,
        dropped_events_count: 4,
        dropped_links_count: 5,
        events: vec![
            Event {
                time_unix_nano: 1_700_000_000_123_457_000,
                name: "retry".to_owned(),
                ..Event::default()
            },
            Event {
                time_unix_nano: 1_700_000_000_123_458_999,
                name: "exception".to_owned(),
                attributes: vec![
                    attribute("exception.message", text("say \"no\"")),
                    attribute("attempt", Proto::IntValue(2)),
                ],
                ..Event::default()
            },
        ],
        links: vec![Link::default()],
        status: Some(Status {
            message: "refused".to_owned(),
            code: 2,
        }),
        ..plain_span()
    };
    let resource = vec![
        attribute("service.name", text("planner")),
        attribute("service.namespace", text("prod")),
        attribute("shared", text("of the resource")),
    ];
    let expected = json!([{
        "traceId": "abababababababababababababababab",
        "id": "0101010101010101",
        "parentId": "0202020202020202",
        "name": "chat claude",
        "kind": "CLIENT",
        "timestamp": 1_700_000_000_123_456_u64,
        "duration": 1,
        "localEndpoint": { "serviceName": "planner" },
        "remoteEndpoint": { "ipv4": "10.0.0.7", "port": 443 },
        "annotations": [
            { "timestamp": 1_700_000_000_123_457_u64, "value": "retry" },
            {
                "timestamp": 1_700_000_000_123_458_u64,
                "value": r#""exception": {"attempt":2,"exception.message":"say \"no\""}"#,
            },
        ],
        "tags": {
            "text": "plain",
            "truth": "false",
            "int": "9223372036854775807",
            "double": "0.25",
            "nan": "NaN",
            "bytes": "+/8=",
            "list": "[1,\"two\",null]",
            "map": "{\"inner\":true}",
            "shared": "of the span",
            "service.namespace": "prod",
            "network.peer.address": "10.0.0.7",
            "network.peer.port": "443",
            "otel.scope.name": "spanreel",
            "otel.scope.version": "1.2",
            "otel.dropped_attributes_count": "3",
            "otel.dropped_events_count": "4",
            "otel.dropped_links_count": "5",
            "otel.status_code": "ERROR",
            "error": "refused",
        },
    }]);
    assert_eq!(mapped(&request(resource, vec![span])), expected);
}

/// What a span does not have is left out; a duration is at least a microsecond.
#[test]
fn what_is_absent_is_left_out() {
    let expected = json!([{
        "traceId": "abababababababababababababababab",
        "id": "0101010101010101",
        "name": "plain",
        "timestamp": 1_700_000_000_000_001_u64,
        "duration": 1,
        "localEndpoint": { "serviceName": "unknown_service" },
        "tags": { "otel.scope.name": "spanreel", "otel.scope.version": "1.2" },
    }]);
    assert_eq!(mapped(&request(vec![], vec![plain_span()])), expected);
}

/// Each kind, and each status, has its word or none.
#[test]
fn kinds_and_statuses_have_their_words() {
    let kinds = [
        None,
        None,
        Some("SERVER"),
        Some("CLIENT"),
        Some("PRODUCER"),
        Some("CONSUMER"),
    ];
    for (kind, word) in (0..).zip(kinds) {
        let span = Span {
            kind,
            ..plain_span()
        };
        assert_eq!(
            mapped(&request(vec![], vec![span]))[0]["kind"].as_str(),
            word
        );
    }
    for (code, word, error) in [
        (0, None, None),
        (1, Some("OK"), None),
        (2, Some("ERROR"), Some("")),
    ] {
        let status = Some(Status {
            code,
            message: String::new(),
        });
        let span = Span {
            status,
            ..plain_span()
        };
        let tags = &mapped(&request(vec![], vec![span]))[0]["tags"];
        assert_eq!(tags["otel.status_code"].as_str(), word);
        assert_eq!(tags["error"].as_str(), error);
    }
}

/// The peer of a client is taken from the attribute of the highest rank.
#[test]
fn a_peer_is_chosen_by_rank() {
    let peer = |kind, attributes: &[(&str, &str)]| {
        let attributes = attributes
            .iter()
            .map(|&(key, value)| attribute(key, text(value)));
        let span = Span {
            kind,
            attributes: attributes.collect(),
            ..plain_span()
        };
        mapped(&request(vec![], vec![span]))[0]["remoteEndpoint"].clone()
    };
    let both = [("db.name", "orders"), ("server.address", "api.example.com")];
    assert_eq!(peer(3, &both), json!({ "serviceName": "api.example.com" }));
    assert_eq!(peer(4, &both[..1]), json!({ "serviceName": "orders" }));
    assert_eq!(
        peer(3, &[("peer.service", ""), ("peer.address", "::1")]),
        json!({ "ipv6": "::1" })
    );
    assert_eq!(peer(2, &both), Value::Null, "a server has no peer to show");
}
